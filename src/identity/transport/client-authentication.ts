/** Who asks at /oauth/*: a service by its key, or a public client by its name alone (RFC 6749, 2.3 and 3.2.1). Floor 5. */
import type { IncomingMessage } from 'node:http'
import { hashCallerKey } from '../../access/callers.ts'
import type { CallerRecord } from '../../model/caller.ts'
import { AUTHORIZATION_CHARACTERS_MAX, ID_BYTES_MAX } from '../../model/limits.ts'
import { singleHeader } from '../../wire/http/header.ts'
import { OAuthError } from '../errors.ts'
import { type Form, formDecoded } from './form-body.ts'
import type { ClientAttempts, IdentityWireNeeds } from './needs.ts'

export type OAuthClient = { readonly kind: 'public'; readonly id: string } | { readonly kind: 'service'; readonly caller: CallerRecord }

interface Credentials {
  readonly id: string
  readonly secret: string | undefined
}

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i
/** As access/callers.ts makes them. Nothing else is looked up: an access token of the service itself must not renew itself. */
const CALLER_KEY = /^cst_[A-Za-z0-9_-]{43}$/

/**
 * @throws OAuthError `invalid_client`, one text for every cause; `invalid_request` for two ways at once
 * @throws ServiceError `rate_limited` when this address failed too often as this client
 */
export async function authenticateClient(
  request: IncomingMessage,
  form: Form,
  address: string,
  needs: Pick<IdentityWireNeeds, 'findCallerByKeyHash' | 'clientAttempts'>,
): Promise<OAuthClient> {
  const { id, secret } = credentialsOf(request, form)
  if (secret === undefined) return { kind: 'public', id }
  await needs.clientAttempts.admit(address, id)
  const caller = CALLER_KEY.test(secret) ? await needs.findCallerByKeyHash(hashCallerKey(secret)) : undefined
  // By the key's hash, and only then by its name: which names exist does not show.
  if (caller === undefined || caller.id !== id) throw await failed(needs.clientAttempts, address, id)
  return { kind: 'service', caller }
}

async function failed(attempts: ClientAttempts, address: string, id: string): Promise<OAuthError> {
  await attempts.failed(address, id)
  return invalidClient()
}

function credentialsOf(request: IncomingMessage, form: Form): Credentials {
  const [bodyId, bodySecret] = [form.get('client_id'), form.get('client_secret')]
  if (request.headers.authorization === undefined) {
    if (bodyId === undefined || Buffer.byteLength(bodyId) > ID_BYTES_MAX) throw invalidClient()
    return { id: bodyId, secret: bodySecret }
  }
  const { id, secret } = basicOf(singleHeader(request, 'authorization'))
  if (bodySecret !== undefined || (bodyId !== undefined && bodyId !== id)) {
    throw new OAuthError('invalid_request', 'The client authenticates in two ways at once.')
  }
  return { id, secret }
}

/** Both halves are form-encoded before they are joined (RFC 6749, 2.3.1). */
function basicOf(authorization: string | undefined): Credentials {
  if (authorization === undefined || authorization.length > AUTHORIZATION_CHARACTERS_MAX) throw invalidClient()
  const encoded = BASIC.exec(authorization)?.[1]
  if (encoded === undefined) throw invalidClient()
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon === -1) throw invalidClient()
  const [id, secret] = [formDecoded(pair.slice(0, colon)), formDecoded(pair.slice(colon + 1))]
  if (id === undefined || secret === undefined || id === '' || Buffer.byteLength(id) > ID_BYTES_MAX) throw invalidClient()
  // A public client may name itself this way, with an empty secret.
  return { id, secret: secret === '' ? undefined : secret }
}

export function invalidClient(): OAuthError {
  return new OAuthError('invalid_client', 'The client is unknown, or did not prove who it is.')
}
