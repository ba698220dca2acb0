/** Talks to a Castellan service over HTTP for the command line. Interprets no answer. Floor 6. */
import { CommandError, EXIT } from './exit.ts'
import { plain } from './terminal.ts'

/** Milliseconds until the command line gives up on an answer: twice what the service allows a request. */
const ANSWER_TIMEOUT_MS = 10_000

export type Json = Readonly<Record<string, unknown>>

export interface ServiceClient {
  /** @throws CommandError with what the service said */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: Json): Promise<Json>
}

/**
 * @param key presented as Bearer; absent: the service will say that it wants one
 * @param setting where the address comes from, for who has to change it
 */
export function openServiceClient(url: string, key: string | undefined, setting = 'CASTELLAN_URL'): ServiceClient {
  const base = url.replace(/\/+$/, '')
  return {
    async call(method, path, body) {
      const answer = await send(base, path, setting, {
        method,
        headers: {
          accept: 'application/json',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would hand the key to another address.
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      })
      const content = parseObject(await answer.text())
      if (answer.ok && content !== undefined) return content
      throw new CommandError(EXIT.fault, problemText(answer.status, content, base), problemHint(content))
    },
  }
}

/** One path segment for each id, so that `/` and `?` in an id stay in it. */
export function path(...segments: readonly string[]): string {
  // URLs resolve these two, even percent-encoded: the call would silently go to another resource.
  if (segments.some((segment) => segment === '.' || segment === '..'))
    throw new CommandError(EXIT.usage, 'An id of "." or ".." cannot stand in a URL.', 'Use the gRPC service for it.')
  return `/v1/${segments.map(encodeURIComponent).join('/')}`
}

/** `?name=value…` of what is given. */
export function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

async function send(base: string, path: string, setting: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(`${base}${path}`, request)
  } catch (fault) {
    throw new CommandError(
      EXIT.fault,
      `No answer from ${base}: ${causeText(fault)}`,
      CERTIFICATE_FAULT.test(causeText(fault))
        ? 'Its certificate is not trusted here: set NODE_EXTRA_CA_CERTS to the file (PEM) of the authority that issued it, and --url to a name that it has.'
        : `Is the service running there? Set --url or ${setting}.`,
    )
  }
}

/** Codes of Node's TLS about the certificate that was presented. */
const CERTIFICATE_FAULT = /CERT|UNABLE_TO_VERIFY|ISSUER/

function causeText(fault: unknown): string {
  const { name, message, cause } = (fault ?? {}) as { readonly name?: unknown; readonly message?: unknown; readonly cause?: unknown }
  if (name === 'TimeoutError') return `nothing within ${ANSWER_TIMEOUT_MS / 1_000} s`
  const under = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  return [under.code, under.message, message].find((one): one is string => typeof one === 'string') ?? 'unknown fault'
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** What the service advises; its words on a missing key speak of headers, which nobody types here. */
function problemHint(problem: Json | undefined): string | undefined {
  if (problem?.['code'] === 'unauthenticated')
    return 'Set CASTELLAN_KEY_FILE or --key (castellan dev writes .castellan/development-key); `castellan caller create` makes keys.'
  return typeof problem?.['hint'] === 'string' ? plain(problem['hint']) : undefined
}

/** Title, detail and violations of an RFC 9457 body. */
function problemText(status: number, problem: Json | undefined, base: string): string {
  if (problem === undefined) return `${base} answered ${status} without a JSON object: is it a Castellan service?`
  const text = (name: string) => (typeof problem[name] === 'string' ? plain(problem[name]) : undefined)
  const title = text('title') ?? `status ${status}`
  const detail = text('detail')
  const violations: readonly unknown[] = Array.isArray(problem['violations']) ? problem['violations'] : []
  const lines = violations.flatMap((one) =>
    typeof one === 'object' && one !== null && 'field' in one && 'message' in one
      ? [`  ${plain(String(one.field))}: ${plain(String(one.message))}`]
      : [],
  )
  const code = text('code')
  return [
    `${title}${code === undefined ? '' : ` (${code})`}${detail === undefined || detail === `${title}.` ? '' : `: ${detail}`}`,
    ...lines,
  ].join('\n')
}
