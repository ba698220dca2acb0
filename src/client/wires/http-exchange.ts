/** One HTTP request and its whole answer over kept connections, bounded in bytes and in time. Knows no question. Floor 6. */
import { type Agent, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { HTTP_ANSWER_BYTES_MAX, IDLE_CONNECTION_MS, KEEPALIVE_MS, PATIENT_FROM_MS, REQUESTS_AT_ONCE_MAX } from '../limits.ts'
import type { TlsOptions } from './credentials.ts'
import { badAnswer, serviceError } from './service-error.ts'

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly requestId: string | undefined
  readonly retryAfter: string | undefined
  readonly text: string
}

export interface Sent {
  readonly method: 'GET' | 'POST'
  /** Below the client's address. */
  readonly path: string
  readonly authorization: string
  readonly body?: string
  readonly signal: AbortSignal
  /** What is left of its time. */
  readonly remainingMs: number
}

export interface HttpExchange {
  /** Rejects with a `CastellanError` when there is no whole answer. */
  send(sent: Sent): Promise<HttpAnswer>
  close(): void
}

/** @param url without a query; its path is put before every path */
export function openHttpExchange(url: URL, tls: TlsOptions | undefined): HttpExchange {
  const secure = url.protocol === 'https:'
  const keeping = {
    keepAlive: true,
    keepAliveMsecs: KEEPALIVE_MS,
    maxSockets: REQUESTS_AT_ONCE_MAX,
    maxFreeSockets: REQUESTS_AT_ONCE_MAX,
    scheduling: 'lifo' as const,
    timeout: IDLE_CONNECTION_MS,
  }
  // Said, since the environment of the process may say something else.
  const openAgent = (): Agent => (secure ? new TlsAgent({ ...keeping, ...pemOf(tls), rejectUnauthorized: true }) : new PlainAgent(keeping))
  // Lists and batches that wait long for an answer take no connection from those who cannot.
  const [agent, patientAgent] = [openAgent(), openAgent()]
  const request = secure ? tlsRequest : plainRequest
  const base = url.pathname.replace(/\/+$/, '')
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const once = ({ method, path, authorization, body, signal, remainingMs }: Sent): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: remainingMs > PATIENT_FROM_MS ? patientAgent : agent,
          method,
          hostname,
          ...(url.port === '' ? {} : { port: url.port }),
          path: base + path,
          headers: {
            accept: 'application/json, application/problem+json',
            authorization,
            ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (answer) => read(answer).then(resolve, reject).finally(stop),
      )
      const abort = () => sent.destroy(new Error('nobody waits for the answer any more'))
      const stop = () => signal.removeEventListener('abort', abort)
      sent.on('error', (fault) => {
        stop()
        reject(new Unsent(fault, sent.reusedSocket))
      })
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      sent.end(body)
    })
  return {
    async send(sent) {
      try {
        return await once(sent)
      } catch (fault) {
        if (!(fault instanceof Unsent)) throw fault
        // The service closed a connection that was idle just as it was taken: that is no failure of the service, and asking changes nothing.
        if (!fault.reused || sent.signal.aborted || !CLOSED.includes(fault.code)) throw unreachable(fault.cause)
        return await once(sent).catch((again) => Promise.reject(again instanceof Unsent ? unreachable(again.cause) : again))
      }
    },
    close() {
      agent.destroy()
      patientAgent.destroy()
    },
  }
}

const CLOSED: readonly unknown[] = ['ECONNRESET', 'EPIPE']

/** No answer began. */
class Unsent extends Error {
  readonly code: unknown
  readonly reused: boolean

  constructor(cause: Error, reused: boolean) {
    super('no answer', { cause })
    this.code = (cause as NodeJS.ErrnoException).code
    this.reused = reused
  }
}

/** What speaks another language than HTTP is no service (its error holds all that was said, and is not told); all else is none that can be reached. */
function unreachable(cause: unknown) {
  const { code } = (cause ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' && code.startsWith('HPE_') ? badAnswer(`no HTTP: ${code}`) : serviceError({ code: 'unreachable', cause })
}

function read(answer: IncomingMessage): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > HTTP_ANSWER_BYTES_MAX) {
        reject(badAnswer('larger than any answer'))
        answer.destroy()
      } else chunks.push(chunk)
    })
    // A connection that ends in the middle of an answer says nothing of what it would have been.
    answer.on('error', (fault) => reject(unreachable(fault)))
    answer.on('close', () => reject(unreachable(new Error('the answer was cut off'))))
    answer.on('end', () => {
      if (!answer.complete) return
      const [requestId, retryAfter] = [answer.headers['x-request-id'], answer.headers['retry-after']]
      resolve({
        status: answer.statusCode ?? 0,
        contentType: answer.headers['content-type'] ?? '',
        requestId: typeof requestId === 'string' ? requestId : undefined,
        retryAfter,
        text: Buffer.concat(chunks).toString(),
      })
    })
  })
}

function pemOf(tls: TlsOptions | undefined): object {
  const pem = (value: string | Uint8Array) => (typeof value === 'string' ? value : Buffer.from(value))
  return Object.fromEntries(Object.entries(tls ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [[name, pem(value)]])))
}
