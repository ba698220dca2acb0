/** By what an application is known to the service, and whether that may travel there in the clear. No wire's library. Floor 6. */
import { isIPv4 } from 'node:net'
import { AUTHORIZATION_CHARACTERS_MAX } from '../../model/limits.ts'
import { CastellanError, UnauthenticatedError, UnavailableError } from '../errors.ts'

type Pem = string | Uint8Array

export interface TlsOptions {
  /** Authorities to trust in place of the system's, PEM. */
  readonly ca?: Pem
  /** Certificate chain to show to the service, PEM; with `key`. */
  readonly cert?: Pem
  /** Private key of `cert`, PEM. */
  readonly key?: Pem
}

export interface Credentials {
  /** Of a caller with the scope `decide` (`castellan caller create`). A function is asked before each request: it may read a file that is replaced. */
  readonly key: string | (() => string | Promise<string>)
  /** `true`: as the system trusts. Absent: over gRPC in the clear, which is refused beyond this machine. */
  readonly tls?: true | TlsOptions
}

const KEY = /^[\x21-\x7e]+$/
const HEADER = 'Bearer '

/** Says the `Authorization` value of the next request. */
export type Authorize = () => string | Promise<string>

/** @throws TypeError that names what is wrong, never the key itself */
export function openAuthorize({ key }: Credentials): Authorize {
  if (typeof key === 'string') {
    const fault = keyFault(key)
    if (fault !== undefined) throw new TypeError(`credentials.key ${fault}`)
    const value = HEADER + key
    return () => value
  }
  if (typeof key !== 'function')
    throw new TypeError('credentials.key is required: the key that `castellan caller create` shows, or a function that answers it')
  return async () => {
    try {
      const given: unknown = await key()
      const fault = typeof given === 'string' ? keyFault(given) : 'must be a text'
      if (fault !== undefined)
        throw new UnauthenticatedError(`The function credentials.key answered a key that ${fault}.`, { code: 'unauthenticated' })
      return `${HEADER}${given as string}`
    } catch (fault) {
      if (fault instanceof CastellanError) throw fault
      throw new UnavailableError('The function credentials.key failed; nothing was decided.', { code: 'key_unavailable', cause: fault })
    }
  }
}

/** Takes the key out of a text of whoever answers, who may repeat what it was sent: it would reach the application's log. */
export function struck(text: string, authorization: string): string {
  const key = authorization.slice(HEADER.length)
  return key.length < KEY_CHARACTERS_STRUCK_MIN ? text : text.replaceAll(key, '(key)')
}

/** Characters of a key that are looked for: shorter ones are no secret, and stand in any text. */
const KEY_CHARACTERS_STRUCK_MIN = 8

function keyFault(key: string): string | undefined {
  if (key === '') return 'must not be empty'
  if (key.length > AUTHORIZATION_CHARACTERS_MAX - HEADER.length) return 'is too long for a key'
  if (key !== key.trim()) return 'begins or ends with white space: trim what was read from a file'
  return KEY.test(key) ? undefined : 'must be of visible ASCII characters without spaces'
}

/** @throws TypeError for options of another shape */
export function checkCredentials(credentials: unknown): asserts credentials is Credentials {
  if (typeof credentials !== 'object' || credentials === null)
    throw new TypeError('credentials are required: { key, tls? }, the key as `castellan caller create` shows it')
  checkNames('credentials', credentials, ['key', 'tls'])
  const { tls } = credentials as Credentials
  if (tls === undefined || tls === true) return
  if (typeof tls !== 'object' || tls === null) throw new TypeError('credentials.tls must be true or { ca, cert, key }')
  checkNames('credentials.tls', tls, ['ca', 'cert', 'key'])
  for (const [name, value] of Object.entries(tls))
    if (value !== undefined && typeof value !== 'string' && !(value instanceof Uint8Array))
      throw new TypeError(`credentials.tls.${name} must be PEM, as text or bytes`)
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw new TypeError('credentials.tls.cert and credentials.tls.key go together')
}

/** A name that nothing reads is a mistake that nobody would notice. @throws TypeError */
export function checkNames(what: string, value: object, known: readonly string[]): void {
  for (const name of Object.keys(value))
    if (!known.includes(name)) throw new TypeError(`${what}.${name.slice(0, 64)} is not known; there are ${known.join(', ')}`)
}

/** Of this machine: what is sent there crosses no network. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'))
}

/** @throws TypeError */
export function refusePlaintext(where: string, way: string): never {
  throw new TypeError(
    `${where} is not on this machine, and the key would cross the network in the clear: ${way}, or say insecure: true where the network itself is encrypted`,
  )
}
