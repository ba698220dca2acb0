/** Talks to a Castellan service over HTTP for the command line. Interprets no answer. Floor 6. */
import { POLICY_BYTES_MAX } from '../../model/policy-limits.ts'
import { EVENTS_TYPE, eventsOf, openSilence } from './event-stream.ts'
import { CommandError, EXIT } from './exit.ts'
import { plain } from './terminal.ts'

/** Milliseconds until the command line gives up on an answer: twice what the service allows a request. */
const ANSWER_TIMEOUT_MS = 10_000
/** Characters of one line of an answer: the largest carries the difference of two whole policies. */
const ANSWER_LINE_CHARACTERS_MAX = 4 * POLICY_BYTES_MAX

export type Json = Readonly<Record<string, unknown>>

export interface ServiceClient {
  /**
   * @param timeoutMs until the answer is given up; absent: ANSWER_TIMEOUT_MS
   * @throws ServiceFault with what the service said; CommandError when there is none
   */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: Json, timeoutMs?: number): Promise<Json>
  /**
   * Posts `body` and hands out each line of an answer of JSON lines as it comes; reads on only when asked for the next.
   * Whether the answer is whole, its lines have to say.
   * @throws as `call`; CommandError when the connection breaks or a line is no JSON object
   */
  lines(path: string, body: Json, timeoutMs: number): AsyncIterable<Json>
  /**
   * Server-sent events as they come; reads on only when asked for the next, and ends when the service or the connection does.
   * @param silenceMs without a word, after which the connection is taken for dead
   * @throws as `call`, also when the service ends with an event that is an error; CommandError when the connection breaks or the signal aborts
   */
  events(path: string, silenceMs: number, signal: AbortSignal): AsyncIterable<ServerEvent>
}

export interface ServerEvent {
  readonly event: string
  readonly data: Json
}

/** The service answered with an error. */
export class ServiceFault extends CommandError {
  /** As docs/errors.md lists them; absent: the answer had none. */
  readonly code: string | undefined
  constructor(message: string, hint: string | undefined, code: string | undefined) {
    // As when the files were checked here: some faults only the service can see.
    super(code === 'policy_invalid' ? EXIT.policyFault : EXIT.fault, message, hint)
    this.name = 'ServiceFault'
    this.code = code
  }
}

/**
 * @param key presented as Bearer; absent: the service will say that it wants one
 * @param setting where the address comes from, for who has to change it
 */
export function openServiceClient(url: string, key: string | undefined, setting = 'CASTELLAN_URL'): ServiceClient {
  const base = url.replace(/\/+$/, '')
  const request = (method: string, accept: string, body: Json | undefined, until: number | AbortSignal): RequestInit => ({
    method,
    headers: {
      accept,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    // A redirect would hand the key to another address.
    redirect: 'error',
    signal: typeof until === 'number' ? AbortSignal.timeout(until) : until,
  })
  return {
    async call(method, path, body, timeoutMs = ANSWER_TIMEOUT_MS) {
      const reached = { base, setting, timeoutMs }
      const answer = await reaching(reached, () => fetch(`${base}${path}`, request(method, 'application/json', body, timeoutMs)))
      const content = parseObject(await reaching(reached, () => answer.text()))
      if (answer.ok && content !== undefined) return content
      throw serviceFault(answer.status, content, base)
    },
    async *lines(path, body, timeoutMs) {
      const reached = { base, setting, timeoutMs }
      const accept = 'application/x-ndjson, application/problem+json'
      const answer = await reaching(reached, () => fetch(`${base}${path}`, request('POST', accept, body, timeoutMs)))
      if (!answer.ok || answer.body === null || !/^application\/x-ndjson\b/.test(answer.headers.get('content-type') ?? ''))
        throw serviceFault(answer.status, parseObject(await reaching(reached, () => answer.text())), base)
      for await (const line of linesOf(answer.body, reached)) {
        if (line !== '') yield objectOf(line, base)
      }
    },
    async *events(path, silenceMs, signal) {
      const reached = { base, setting, timeoutMs: silenceMs }
      const silence = openSilence(silenceMs)
      try {
        const until = AbortSignal.any([signal, silence.signal])
        const accept = `${EVENTS_TYPE}, application/problem+json`
        const answer = await reaching(reached, () => fetch(`${base}${path}`, request('GET', accept, undefined, until)))
        if (!answer.ok || answer.body === null || !(answer.headers.get('content-type') ?? '').startsWith(EVENTS_TYPE))
          throw serviceFault(answer.status, parseObject(await reaching(reached, () => answer.text())), base)
        for await (const { event, data } of eventsOf(silence.hearing(linesOf(answer.body, reached)))) {
          const content = objectOf(data, base)
          if (event === 'error') throw serviceFault(Number(content['status'] ?? 0), content, base)
          // A reader who takes long over one event does not make the service silent.
          silence.pause()
          yield { event, data: content }
          silence.resume()
        }
      } finally {
        silence.pause()
      }
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

interface Reached {
  readonly base: string
  readonly setting: string
  readonly timeoutMs: number
}

async function reaching<T>({ base, setting, timeoutMs }: Reached, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (fault) {
    const cause = causeText(fault, timeoutMs)
    throw new CommandError(
      EXIT.fault,
      `No answer from ${base}: ${cause}`,
      CERTIFICATE_FAULT.test(cause)
        ? 'Its certificate is not trusted here: set NODE_EXTRA_CA_CERTS to the file (PEM) of the authority that issued it, and --url to a name that it has.'
        : `Is the service running there? Set --url or ${setting}.`,
    )
  }
}

/** Lines without their ends; the last one needs none. Lets go of the connection when its reader stops. */
async function* linesOf(body: ReadableStream<Uint8Array>, reached: Reached): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reaching(reached, () => reader.read())
      const pieces = decoder.decode(value, { stream: !done }).split('\n')
      pieces[0] = rest + (pieces[0] ?? '')
      rest = pieces.pop() ?? ''
      yield* pieces
      if (done) {
        if (rest !== '') yield rest
        return
      }
      if (rest.length > ANSWER_LINE_CHARACTERS_MAX) throw new CommandError(EXIT.fault, `${reached.base} answered a line without an end.`)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Codes of Node's TLS about the certificate that was presented. */
const CERTIFICATE_FAULT = /CERT|UNABLE_TO_VERIFY|ISSUER/

function causeText(fault: unknown, timeoutMs: number): string {
  const { name, message, cause } = (fault ?? {}) as { readonly name?: unknown; readonly message?: unknown; readonly cause?: unknown }
  if (name === 'TimeoutError') return `nothing within ${timeoutMs / 1_000} s`
  const under = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  return [under.code, under.message, message].find((one): one is string => typeof one === 'string') ?? 'unknown fault'
}

function objectOf(text: string, base: string): Json {
  const content = parseObject(text)
  if (content === undefined)
    throw new CommandError(EXIT.fault, `${base} answered something that is no JSON object: is it a Castellan service?`)
  return content
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** @param problem body of the answer, when it was a JSON object */
function serviceFault(status: number, problem: Json | undefined, base: string): ServiceFault {
  const code = typeof problem?.['code'] === 'string' ? problem['code'] : undefined
  return new ServiceFault(problemText(status, problem, base), problemHint(problem), code)
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
