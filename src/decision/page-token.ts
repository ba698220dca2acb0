/** Page tokens of the who-may list: the last user id, opaque to callers. Floor 4. */
import { RequestError } from '../model/error-code.ts'
import { idFault } from '../model/ids.ts'

export function encodeUserToken(user: string): string {
  return Buffer.from(user, 'utf8').toString('base64url')
}

/** @throws RequestError on `pageToken` for anything but a token of ours */
export function decodeUserToken(token: string): string {
  const user = Buffer.from(token, 'base64url').toString('utf8')
  if (idFault(user) === undefined && encodeUserToken(user) === token) return user
  throw new RequestError([{ field: 'pageToken', message: 'is not a page token of this list' }])
}
