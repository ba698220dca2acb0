/** Servers with quick connections, and conversations with them as bytes. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach } from '@jest/globals'
import { type Clock, systemClock } from '../../../../src/ground/clock.ts'
import { systemRandom } from '../../../../src/ground/random.ts'
import { singleHeader } from '../../../../src/wire/http/header.ts'
import { writeAnswer } from '../../../../src/wire/http/problem.ts'
import type { OrdinaryHead } from '../../../../src/wire/http/quick/ordinary-request.ts'
import { PassedOn } from '../../../../src/wire/http/quick/passed-on.ts'
import type { QuickConnectionNeeds } from '../../../../src/wire/http/quick/quick-connection.ts'
import { type Handle, type HttpServer, openHttpServer, type TlsFiles } from '../../../../src/wire/http/server.ts'

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** What was understood. */
export const told = (method: string, path: string, said: readonly (string | undefined)[], body: Buffer) =>
  JSON.stringify({ method, path, said: said.map((value) => value ?? null), body: digest(body), bytes: body.length })

export function echo(request: IncomingMessage, response: ServerResponse, last: boolean): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('error', () => {})
  request.on('end', () => {
    const said = ['authorization', 'content-type', 'x-request-id', 'traceparent', 'tracestate'].map((name) => singleHeader(request, name))
    const text = told(request.method ?? '', request.url ?? '', said, Buffer.concat(chunks))
    writeAnswer(request, response, 200, text, 'an-id', last ? { connection: 'close' } : {})
  })
}

export const quickEcho = (head: OrdinaryHead, body: Buffer) => {
  const said = [head.authorization, head.contentType, head.requestId, head.traceparent, head.tracestate]
  return answerOf(told(head.method, head.path, said, body))
}
export const answerOf = (json: string) => ({ json, bytes: Buffer.byteLength(json), requestId: 'an-id' })

export interface Opened {
  readonly server: HttpServer
  /** Paths answered at once. */
  readonly quick: string[]
  /** Paths that node's own way answered, in a connection of its own (true) or in the caller's. */
  readonly whole: [path: string, inner: boolean][]
}

async function open(
  answer: QuickConnectionNeeds['answer'] | undefined,
  more: { readonly handle?: Handle; readonly clock?: Clock; readonly tls?: TlsFiles; readonly connectionAgeMs?: number } = {},
): Promise<Opened> {
  const quick: string[] = []
  const whole: [string, boolean][] = []
  const { handle, clock = systemClock, ...needs } = more
  const answering = answer && {
    answer(head: OrdinaryHead, body: Buffer) {
      const given = answer(head, body)
      if (given !== undefined) quick.push(head.path)
      return given
    },
  }
  const server = await openHttpServer(
    { host: '127.0.0.1', port: 0, clock, random: systemRandom, ...needs },
    (connectionHeaders) => (request, response) => {
      whole.push([request.url ?? '', request.socket instanceof PassedOn])
      if (handle === undefined) echo(request, response, 'connection' in connectionHeaders(request))
      else handle(request, response)
    },
    answering,
  )
  return { server, quick, whole }
}

/** To open servers with; all of them, and what else is put beside them, are closed after each test of the file. */
export function quickServers() {
  const servers: { close(): unknown }[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()))
  })
  const opening: typeof open = async (...needs) => {
    const opened = await open(...needs)
    servers.push(opened.server)
    return opened
  }
  return { open: opening, servers }
}

export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Everything that comes back to these pieces, sent one after the other, and then no more. */
export function exchange(port: number, pieces: readonly (Buffer | string)[]): Promise<string> {
  return new Promise((resolve) => {
    const heard: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, async () => {
      for (const piece of pieces) {
        if (!socket.destroyed) socket.write(piece)
        await turns(2)
      }
      // The end must not overtake an answer: node gives up what it is about to say.
      await turns(20)
      socket.end()
    })
    socket.on('data', (chunk) => heard.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(heard).toString('latin1')))
  })
}

export const post = (path: string, body: string | Buffer = '', ...headers: readonly string[]) =>
  [
    'POST ',
    path,
    ' HTTP/1.1\r\nhost: x\r\n',
    ...headers.map((line) => `${line}\r\n`),
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    body,
  ]
    .map(String)
    .join('')

/** A connection to talk over, with `ca` over TLS. */
export function exchangeOpen(port: number, ca?: Buffer) {
  let text = ''
  const place = { port, host: '127.0.0.1' }
  const socket: Socket = ca === undefined ? connect({ ...place, noDelay: true }) : connectTls({ ...place, ca })
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()))
  return {
    socket,
    closed,
    text: () => text,
    async until(met: (text: string) => boolean): Promise<void> {
      while (!met(text)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}
