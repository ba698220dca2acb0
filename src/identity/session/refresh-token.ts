/** Refresh tokens as text: session, counter and a MAC over both. Knows no table: what a counter means is judged elsewhere. Floor 5. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SessionRecord } from '../../model/identity.ts'

const ID_BYTES = 16
/** 2^48 rotations are more than any session lives; with six bytes the text has no spare bits, so that each token has one spelling. */
const COUNTER_BYTES = 6
const SIGNED_BYTES = ID_BYTES + COUNTER_BYTES
const MAC_BYTES = 32
/** A multiple of three bytes. */
const TOKEN_CHARACTERS = ((SIGNED_BYTES + MAC_BYTES) * 4) / 3
const FORM = /^[A-Za-z0-9_-]+$/

export interface RefreshTokenContent {
  readonly sessionId: string
  readonly counter: number
}

/** @param keys the first one makes, all check */
export function makeRefreshToken(keys: readonly Buffer[], { sessionId, counter }: RefreshTokenContent): string {
  const [key] = keys
  if (key === undefined) throw new Error('A key is needed to make refresh tokens')
  if (!Number.isSafeInteger(counter) || counter < 0 || counter >= 2 ** (8 * COUNTER_BYTES)) throw new Error('The counter is out of range')
  const signed = Buffer.alloc(SIGNED_BYTES)
  const id = Buffer.from(sessionId.replaceAll('-', ''), 'hex')
  if (id.length !== ID_BYTES) throw new Error('The id of a session is a UUID')
  id.copy(signed)
  signed.writeUIntBE(counter, ID_BYTES, COUNTER_BYTES)
  return Buffer.concat([signed, macOf(key, signed)]).toString('base64url')
}

/** @returns `undefined` for everything that was not made here, without saying why */
export function parseRefreshToken(keys: readonly Buffer[], presented: string): RefreshTokenContent | undefined {
  if (presented.length !== TOKEN_CHARACTERS || !FORM.test(presented)) return undefined
  const bytes = Buffer.from(presented, 'base64url')
  // Decoding is lenient: only the one spelling that encoding gives is ours.
  if (bytes.length !== SIGNED_BYTES + MAC_BYTES || bytes.toString('base64url') !== presented) return undefined
  const signed = bytes.subarray(0, SIGNED_BYTES)
  const mac = bytes.subarray(SIGNED_BYTES)
  // All keys are tried, so that the time does not tell which one fits.
  const fits = keys.filter((key) => timingSafeEqual(macOf(key, signed), mac))
  if (fits.length === 0) return undefined
  return { sessionId: uuidOf(signed.subarray(0, ID_BYTES)), counter: signed.readUIntBE(ID_BYTES, COUNTER_BYTES) }
}

/** The newest token of a session: it can be made again at any time, so none is kept. */
export function refreshTokenOf(keys: readonly Buffer[], session: Pick<SessionRecord, 'id' | 'counter'>): string {
  return makeRefreshToken(keys, { sessionId: session.id, counter: session.counter })
}

function macOf(key: Buffer, signed: Buffer): Buffer {
  return createHmac('sha256', key).update('castellan refresh token\0').update(signed).digest()
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
