/** The keys that an issuer publishes: fetched, bounded, kept for a while, looked for again when one is unknown. Verifies no token. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKeyRecord } from '../../model/identity.ts'
import { isUsable } from '../../token/verify.ts'
import { UnavailableError } from '../errors.ts'
import { KEYS_BYTES_MAX, KEYS_KEPT_MS, KEYS_LOOKED_FOR_MS_MIN, KEYS_READ_MAX, KEYS_TIMEOUT_MS } from '../limits.ts'

export interface PublishedKeysNeeds {
  readonly issuer: URL
  /** Absent: where the issuer's metadata says (RFC 8414). */
  readonly jwksUri?: URL
  readonly algorithms: readonly SigningAlgorithm[]
  readonly clock: Pick<Clock, 'monotonicMs'>
}

export interface PublishedKeys {
  /** Those that are known, not older than KEYS_KEPT_MS. @throws UnavailableError */
  current(): Promise<readonly SigningKeyRecord[]>
  /** As `current`, fetched anew unless that was done a moment ago. @throws UnavailableError */
  lookAgain(): Promise<readonly SigningKeyRecord[]>
}

const KID = /^[A-Za-z0-9_-]{1,64}$/
/** Parts of a public key and nothing else: a private part that somebody published must not be carried around. */
const PUBLIC_PARTS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const

export function openPublishedKeys({ issuer, jwksUri, algorithms, clock }: PublishedKeysNeeds): PublishedKeys {
  let kept: { readonly keys: readonly SigningKeyRecord[]; readonly atMs: number } | undefined
  let askedAtMs: number | undefined
  let failure: UnavailableError | undefined
  let underWay: Promise<readonly SigningKeyRecord[]> | undefined

  async function fetchKeys(): Promise<readonly SigningKeyRecord[]> {
    askedAtMs = clock.monotonicMs()
    try {
      const uri = jwksUri ?? (await findJwksUri(issuer))
      const keys = await readKeys(await fetchJson(uri), algorithms)
      kept = { keys, atMs: askedAtMs }
      failure = undefined
      return keys
    } catch (cause) {
      failure = new UnavailableError('The keys of the issuer cannot be had', {
        code: 'unreachable',
        hint: `Is ${issuer.origin} reachable from here, and does it publish its keys?`,
        cause,
      })
      throw failure
    }
  }

  function refresh(): Promise<readonly SigningKeyRecord[]> {
    underWay ??= fetchKeys().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  const isFresh = (): boolean => kept !== undefined && clock.monotonicMs() - kept.atMs < KEYS_KEPT_MS
  const askedJustNow = (): boolean => askedAtMs !== undefined && clock.monotonicMs() - askedAtMs < KEYS_LOOKED_FOR_MS_MIN

  return {
    async current() {
      if (kept !== undefined && isFresh()) return kept.keys
      if (underWay === undefined && failure !== undefined && askedJustNow()) throw failure
      return await refresh()
    },
    async lookAgain() {
      if (underWay === undefined && askedJustNow()) {
        if (failure !== undefined) throw failure
        if (kept !== undefined && isFresh()) return kept.keys
      }
      return await refresh()
    },
  }
}

/** @throws TypeError for anything but https, or http on this machine */
export function readAddress(text: string, field: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (url === undefined || !isSafe || url.username !== '' || url.password !== '' || url.hash !== '' || url.search !== '')
    throw new TypeError(`${field} is an https address without query and credentials; http is for this machine alone`)
  return url
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** RFC 8414, 3.1 and 3.3: the path of the issuer comes last, and whoever answers must be that issuer. */
async function findJwksUri(issuer: URL): Promise<URL> {
  const path = issuer.pathname === '/' ? '' : issuer.pathname
  const metadata = await fetchJson(new URL(`/.well-known/oauth-authorization-server${path}`, issuer))
  const { issuer: says, jwks_uri: uri } = isRecord(metadata) ? metadata : {}
  if (typeof says !== 'string' || says.replace(/\/$/, '') !== issuer.href.replace(/\/$/, ''))
    throw new Error('The metadata is of another issuer')
  if (typeof uri !== 'string') throw new Error('The metadata names no jwks_uri')
  return readAddress(uri, 'jwks_uri')
}

async function fetchJson(url: URL): Promise<unknown> {
  const signal = AbortSignal.timeout(KEYS_TIMEOUT_MS)
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`Answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > KEYS_BYTES_MAX) throw new Error(`The answer has more than ${KEYS_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Keys that sign with one of these and can be used; all others are left out, as an issuer may publish some for others. */
async function readKeys(document: unknown, algorithms: readonly SigningAlgorithm[]): Promise<readonly SigningKeyRecord[]> {
  const listed = isRecord(document) ? document['keys'] : undefined
  if (!Array.isArray(listed)) throw new Error('The answer is no key set')
  const keys = listed.slice(0, KEYS_READ_MAX).flatMap((jwk: unknown) => {
    const key = isRecord(jwk) ? readKey(jwk) : undefined
    return key !== undefined && algorithms.includes(key.algorithm) ? [key] : []
  })
  const usable = await Promise.all(keys.map(isUsable))
  return keys.filter((_key, index) => usable[index])
}

function readKey(jwk: Readonly<Record<string, unknown>>): SigningKeyRecord | undefined {
  const { kid, alg, use } = jwk
  const algorithm = SIGNING_ALGORITHMS.find((known) => known === alg)
  if (algorithm === undefined || typeof kid !== 'string' || !KID.test(kid) || (use !== undefined && use !== 'sig')) return undefined
  if (jwk['kty'] === 'oct') return undefined
  const publicJwk = Object.fromEntries(PUBLIC_PARTS.flatMap((part) => (typeof jwk[part] === 'string' ? [[part, jwk[part]]] : [])))
  return { kid, algorithm, publicJwk, state: 'current', createdAtMs: 0, activatedAtMs: null, retiresAtMs: null }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
