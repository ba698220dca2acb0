/** Pages of lists: an opaque token holds the last key of the page before. Knows no table. Floor 2. */

import type { PageInput } from '../model/administration.ts'
import { RequestError } from '../model/error-code.ts'
import { idFault } from '../model/ids.ts'
import { PAGE_SIZE_MAX } from '../model/limits.ts'
import type { Page } from '../model/records.ts'
import { isUuid } from './uuid.ts'

/** Longest token we ever make: 256 bytes in base64url. */
const TOKEN_CHARACTERS_MAX = 344

export function encodePageToken(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url')
}

/**
 * The key after which a page begins; `undefined` is the first page.
 * @throws RequestError on field `pageToken` for anything that `encodePageToken` did not make of an id
 */
export function decodePageToken(token: string | undefined): string | undefined {
  if (token === undefined || token === '') return undefined
  if (token.length <= TOKEN_CHARACTERS_MAX) {
    const key = Buffer.from(token, 'base64url').toString('utf8')
    // Decoding is lenient towards what it does not know; only what encodes back to the same was made by us.
    if (encodePageToken(key) === token && idFault(key) === undefined) return key
  }
  throw pageTokenError()
}

/** The same for lists whose key is a number. */
export function decodeNumberPageToken(token: string | undefined): number | undefined {
  const key = decodePageToken(token)
  if (key === undefined) return undefined
  if (!/^[1-9][0-9]{0,15}$/.test(key) || !Number.isSafeInteger(Number(key))) throw pageTokenError()
  return Number(key)
}

/** The same for lists whose key is a UUID. */
export function decodeUuidPageToken(token: string | undefined): string | undefined {
  const key = decodePageToken(token)
  if (key !== undefined && !isUuid(key)) throw pageTokenError()
  return key
}

/** The last millisecond of year 9999, UTC: later ones have another form as text. */
const KEY_MS_MAX = Date.UTC(10_000, 0, 1) - 1

/** The key of lists that go by time, and by id at the same time. */
export function timedKey(atMs: number, id: string): string {
  return `${atMs}:${id}`
}

/** The same for lists whose key is a `timedKey`. */
export function decodeTimedPageToken(token: string | undefined): { readonly atMs: number; readonly id: string } | undefined {
  const key = decodePageToken(token)
  if (key === undefined) return undefined
  const [, ms, id] = /^(0|[1-9][0-9]{0,14}):(.+)$/.exec(key) ?? []
  if (ms === undefined || id === undefined || Number(ms) > KEY_MS_MAX) throw pageTokenError()
  return { atMs: Number(ms), id }
}

/**
 * Reads one row more than the page holds, to know whether another page follows.
 * @param read gives at most `limit` rows after the page's key, in order
 * @throws RequestError on field `pageSize`
 */
export async function readPage<T>(
  page: PageInput,
  keyOf: (item: T) => string,
  read: (limit: number) => Promise<readonly T[]>,
): Promise<Page<T>> {
  const size = pageSizeOf(page)
  const rows = await read(size + 1)
  const items = rows.slice(0, size)
  const last = items.at(-1)
  return rows.length > size && last !== undefined ? { items, nextPageToken: encodePageToken(keyOf(last)) } : { items }
}

/** @throws RequestError on field `pageSize` */
export function pageSizeOf({ pageSize }: PageInput): number {
  if (!Number.isSafeInteger(pageSize) || pageSize < 1)
    throw new RequestError([{ field: 'pageSize', message: 'must be a whole number from 1 on' }])
  return Math.min(pageSize, PAGE_SIZE_MAX)
}

/** For lists whose key has a form of its own. */
export function pageTokenError(): RequestError {
  return new RequestError(
    [{ field: 'pageToken', message: 'is not a token that this list gave' }],
    'Leave it out to begin at the first page.',
  )
}
