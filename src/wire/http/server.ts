/** An HTTP server: opens, drains and closes, and answers what is no request. What requests mean is its handler's. Floor 4. */
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { RequestError, ServiceError } from '../../model/error-code.ts'
import {
  CONNECTION_AGE_MS,
  DRAIN_TIMEOUT_MS,
  HEADER_ARRIVAL_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_ARRIVAL_TIMEOUT_MS,
} from '../../model/limits.ts'
import { knownError } from '../error-table.ts'
import { closeServer, listen, portOf } from '../probes.ts'
import { PROBLEM_TYPE, problemBody, writeProblem } from './problem.ts'
import { openQuickConnections, type QuickAnswering } from './quick/open.ts'
import { PassedOn } from './quick/passed-on.ts'

export interface TlsFiles {
  readonly cert: Buffer | string
  readonly key: Buffer | string
  /** With it, only clients that show a certificate of this authority are served. */
  readonly clientCa?: Buffer | string
}

export interface HttpServerNeeds {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly clock: Clock
  readonly random: Random
  readonly tls?: TlsFiles
  /** Age at which a connection is asked to leave, in milliseconds. */
  readonly connectionAgeMs?: number
}

export type Handle = (request: IncomingMessage, response: ServerResponse) => void
/** Headers that a connection's state asks for, such as `connection: close`. */
export type ConnectionHeaders = (request: IncomingMessage) => Readonly<Record<string, string>>

export interface HttpServer {
  readonly port: number
  /** Stops accepting, lets requests under way end, at most DRAIN_TIMEOUT_MS long. */
  drain(): Promise<void>
  /** Ends whatever is left. Safe to call twice, and without draining. */
  close(): Promise<void>
}

/** @param quick answers ordinary requests before node's parser has seen them */
export async function openHttpServer(
  needs: HttpServerNeeds,
  handling: (connectionHeaders: ConnectionHeaders) => Handle,
  quick?: QuickAnswering,
): Promise<HttpServer> {
  let draining = false
  const bornMs = new WeakMap<Duplex, number>()
  const ageMs = needs.connectionAgeMs ?? CONNECTION_AGE_MS
  // A connection leaves after an answer, never in the middle: that is how load moves to a new replica.
  const leaving = (socket: Duplex) => draining || needs.clock.monotonicMs() - (bornMs.get(socket) ?? 0) > ageMs
  const handle = handling(({ socket }) => (leaving(socket instanceof PassedOn ? socket.outer : socket) ? { connection: 'close' } : {}))
  const server = createServer(needs, (request, response) => {
    if (request.httpVersion === '1.1' && request.headers.host === undefined) refuseHostless(request, response, needs)
    else handle(request, response)
  })
  const connected = needs.tls === undefined ? 'connection' : 'secureConnection'
  const connections = quick && openQuickConnections(server, connected, { ...quick, clock: needs.clock, leaving })
  server.prependListener(connected, (socket: Socket) => bornMs.set(socket, needs.clock.monotonicMs()))
  const broken = new WeakSet<Duplex>()
  server.on('clientError', (fault, socket) => {
    // Told once: what else comes on a broken connection is broken too.
    if (broken.has(socket)) return
    broken.add(socket)
    answerBroken(fault, socket, needs)
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const known = knownError(new RequestError([{ field: 'expect', message: 'only 100-continue is met' }]))
    writeProblem(request, response, known, needs.random.uuid(), { connection: 'close' }, 417)
  })
  // Nobody is served as a proxy.
  server.on('connect', (_request, socket: Duplex) =>
    endWith(socket, 405, new ServiceError('method_not_allowed', 'CONNECT is not known here.'), needs),
  )
  await listen(server, needs.host, needs.port)
  return {
    port: portOf(server),
    drain() {
      draining = true
      connections?.leave()
      return drained(server)
    },
    close() {
      connections?.destroy()
      return closeServer(server)
    },
  }
}

function createServer(needs: HttpServerNeeds, handle: Handle): Server {
  const options = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADER_ARRIVAL_TIMEOUT_MS,
    requestTimeout: REQUEST_ARRIVAL_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // Said by ourselves, as a problem.
    requireHostHeader: false,
  }
  if (needs.tls === undefined) return createPlainServer(options, handle)
  const { cert, key, clientCa } = needs.tls
  const mutual = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }
  return createTlsServer({ ...options, cert, key, ...mutual }, handle)
}

function refuseHostless(request: IncomingMessage, response: ServerResponse, needs: HttpServerNeeds): void {
  const known = knownError(new RequestError([{ field: 'host', message: 'is required' }]))
  writeProblem(request, response, known, needs.random.uuid(), { connection: 'close' })
}

/** What node's parser could not read, or did not get in time. */
function answerBroken(fault: NodeJS.ErrnoException, socket: Duplex, needs: HttpServerNeeds): void {
  if (fault.code === 'HPE_HEADER_OVERFLOW') {
    endWith(
      socket,
      431,
      new RequestError([{ field: 'headers', message: `must be at most ${HEADER_BYTES_MAX} bytes, the address included` }]),
      needs,
    )
  } else if (fault.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    endWith(socket, 408, new ServiceError('deadline_exceeded', 'The request did not arrive in time.'), needs)
  } else if (fault.code?.startsWith('HPE_') === true) {
    endWith(socket, 400, new RequestError([{ field: 'request', message: 'is not HTTP' }]), needs)
  } else socket.destroy()
}

/** An answer by hand, where there is no response object to answer with. */
function endWith(socket: Duplex, status: number, error: RequestError | ServiceError, needs: HttpServerNeeds): void {
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null }
  // Whoever asked well before it is answered first; a request that came in half is none.
  if (socket.writable && current?.headersSent === false && current.req.complete) {
    current.once('close', () => {
      // That answer may have been the last one of the connection.
      if (socket.writable) endWith(socket, status, error, needs)
    })
    return
  }
  // After a response has begun, more bytes would only corrupt it.
  const begun = current?.headersSent === true
  if (!socket.writable || begun) {
    socket.destroy()
    return
  }
  const requestId = needs.random.uuid()
  const body = problemBody(knownError(error), requestId, status)
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-ID: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

function drained(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, DRAIN_TIMEOUT_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
