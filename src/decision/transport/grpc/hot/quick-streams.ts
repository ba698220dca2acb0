/**
 * Unary questions answered on grpc-js's own HTTP/2 server, when the whole of one is here at once and memory has the answer. Everything else goes to
 * grpc-js as if it had never been looked at: so what is said of errors, bounds, deadlines and bad frames is said in one place. Floor 5.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import { BODY_BYTES_MAX } from '../../../../model/limits.ts'
import { requestIdOf } from '../../../../wire/request-id.ts'
import { traceOf } from '../../../../wire/trace-context.ts'
import type { WireNeeds } from '../../wire-needs.ts'
import { FRAME_BYTES } from '../codec/answer-bytes.ts'
import { QUICK_METHODS, type QuickAnswers, type QuickMethod } from '../quick-answers.ts'
import type { StreamListener } from './own-server.ts'

/** As grpc-js answers. */
const ANSWERED = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'grpc-encoding': 'identity',
}
const TRAILERS_FOLLOW = { waitForTrailers: true }
const TRAILERS = { 'grpc-status': 0, 'grpc-message': 'OK' }
const TIMEOUT = /^\d{1,8}[HMSmun]$/
/** What grpc-js takes for text; other values it drops. */
const LEGAL = /^[ -~]*$/
const NO_BYTES = Buffer.alloc(0)

/** A question whose bytes are coming. Lives no longer than one turn of the event loop. */
interface Arriving {
  readonly method: QuickMethod
  readonly headers: IncomingHttpHeaders
  readonly flags: number
  readonly startedMs: number
  bytes: Buffer
  ended: boolean
}

const ARRIVING = Symbol('a question whose bytes are coming')
type Stream = ServerHttp2Stream & { [ARRIVING]?: Arriving | undefined }

/** @param own what grpc-js does with a stream */
export function quickStreams(
  quick: QuickAnswers,
  needs: Pick<WireNeeds, 'clock' | 'random' | 'metrics'>,
  own: StreamListener,
): StreamListener {
  const { clock, random, metrics } = needs
  const methods = new Map<unknown, QuickMethod>(QUICK_METHODS.map((method) => [`/castellan.v1.DecisionService/${method}`, method]))
  /** Streams that were begun in this turn; what is not here at its end goes to grpc-js, whose bounds on slow callers hold for it then. */
  let begun: Stream[] = []
  const turnEnded = () => {
    const waiting = begun
    begun = []
    for (const stream of waiting) passOn(stream)
  }

  function passOn(stream: Stream): void {
    const arriving = stream[ARRIVING]
    if (arriving === undefined) return
    forget(stream)
    // Nobody waits for an answer any more.
    if (stream.destroyed || stream.closed) return
    own(stream, arriving.headers, arriving.flags)
    if (arriving.bytes.length > 0) stream.emit('data', arriving.bytes)
    if (arriving.ended) stream.emit('end')
  }

  function forget(stream: Stream): void {
    stream[ARRIVING] = undefined
    stream.removeListener('data', onData)
    stream.removeListener('end', onEnd)
  }

  function onData(this: Stream, chunk: Buffer): void {
    const arriving = this[ARRIVING]
    if (arriving === undefined) return
    arriving.bytes = arriving.bytes.length === 0 ? chunk : Buffer.concat([arriving.bytes, chunk])
    // More than may be: grpc-js counts as well, and says so.
    if (arriving.bytes.length > BODY_BYTES_MAX + FRAME_BYTES) passOn(this)
  }

  function onEnd(this: Stream): void {
    const arriving = this[ARRIVING]
    if (arriving === undefined) return
    arriving.ended = true
    if (!answered(this, arriving)) passOn(this)
  }

  function answered(stream: Stream, { method, headers, bytes, startedMs }: Arriving): boolean {
    // One whole message, not compressed, and nothing after it.
    if (bytes.length < FRAME_BYTES || bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - FRAME_BYTES) return false
    if (stream.destroyed || stream.closed) return false
    const { authorization } = headers
    const given = headers['x-request-id'] as string | undefined
    const requestId = requestIdOf(given, random)
    const traceparent = headers['traceparent'] as string | undefined
    const trace = traceparent === undefined ? undefined : traceOf(traceparent, () => headers['tracestate'] as string | undefined)
    const answer = quick.answer(method, bytes.subarray(FRAME_BYTES), { authorization, requestId, receivedMs: startedMs, trace })
    if (answer === undefined) return false
    stream[ARRIVING] = undefined
    stream.respond(given === undefined ? ANSWERED : { ...ANSWERED, 'x-request-id': requestId }, TRAILERS_FOLLOW)
    stream.on('wantTrailers', sendTrailers)
    stream.end(answer)
    metrics.ended('grpc', method, 'ok', (clock.monotonicMs() - startedMs) / 1000)
    return true
  }

  return (stream: Stream, headers, flags) => {
    const method = methods.get(headers[':path'])
    if (method === undefined || !isPlain(headers) || (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      own(stream, headers, flags)
      return
    }
    stream[ARRIVING] = { method, headers, flags, startedMs: clock.monotonicMs(), bytes: NO_BYTES, ended: false }
    stream.on('error', ignored)
    stream.on('data', onData)
    stream.on('end', onEnd)
    if (begun.push(stream) === 1) setImmediate(turnEnded)
  }
}

/** As grpc-js would take it, with nothing about it that only grpc-js knows how to treat. */
function isPlain(headers: IncomingHttpHeaders): boolean {
  const contentType = headers['content-type']
  const timeout = headers['grpc-timeout'] as string | undefined
  return (
    headers[':method'] === 'POST' &&
    (contentType === 'application/grpc' || contentType === 'application/grpc+proto') &&
    (timeout === undefined || TIMEOUT.test(timeout)) &&
    isLegal(headers['x-request-id']) &&
    isLegal(headers['traceparent']) &&
    isLegal(headers['tracestate'])
  )
}

function isLegal(value: string | string[] | undefined): boolean {
  return value === undefined || (typeof value === 'string' && LEGAL.test(value))
}

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(TRAILERS)
}

/** Without a listener the process would end. The stream is closed then, and there is nobody to tell. */
function ignored(): void {}
