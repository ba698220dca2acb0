/** One replica as its clients reach it: questions and changes over HTTP, gRPC and a stream, with connections that are kept. */
import { Agent, request } from 'node:http'
import { credentials, type Metadata, type ServiceError } from '@grpc/grpc-js'
import { answerOf, bearer, failure, type GrpcServices, isFailure, type Plain, type Stream } from './grpc-services.ts'
import type { Answer, Failure, Wire } from './history.ts'
import { type ChangeOutcome, type Demand, failed, grpcRequest, httpRequest, made } from './operation.ts'
import { type Question, requestOf, Streams } from './streams.ts'

export interface Wires {
  readonly ports: { readonly grpc: number }
  ask(wire: ReplicaWire, question: Question, key: string): Promise<Answer | Failure>
  change(wire: 'grpc' | 'http', demand: Demand, key: string): Promise<ChangeOutcome>
  /** A page of the probes, or `undefined` when it did not come within a second. */
  probe(path: string): Promise<string | undefined>
  close(): void
}

/** Those of a replica itself. */
export type ReplicaWire = Exclude<Wire, 'local'>

/** Longer than any freeze: what was asked before one is answered after it, which is what there is to see. */
const ASK_WITHIN_MS = 8_000
/** A change may wait for a frozen database, and for the bound. */
const CHANGE_WITHIN_MS = 10_000
const PROBE_WITHIN_MS = 1_000

/** proto-loader makes clients without types. */
type Unary = (message: object, metadata: Metadata, options: object, done: (fault: ServiceError | null, answer: Plain) => void) => void

export function openWires(ports: { readonly http: number; readonly grpc: number; readonly probes: number }, services: GrpcServices): Wires {
  const agent = new Agent({ keepAlive: true })
  const options = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500 }
  const address = `127.0.0.1:${ports.grpc}`
  const decision = new services.decision(address, credentials.createInsecure(), options)
  const administration = new services.administration(address, credentials.createInsecure(), options)
  const streams = new Streams((key) => (decision as unknown as { checkStream(metadata: Metadata): Stream }).checkStream(bearer(key)), {
    withinMs: ASK_WITHIN_MS,
    failureOf: services.failureOf,
  })

  const unary = (client: object, method: string, message: object, key: string, withinMs: number): Promise<Plain | Failure> =>
    new Promise((resolve) => {
      const call = (client as Record<string, Unary>)[method]
      call?.call(client, message, bearer(key), { deadline: Date.now() + withinMs }, (fault, answer) => {
        resolve(fault === null ? answer : services.failureOf(fault))
      })
    })

  async function askHttp(question: Question, key: string): Promise<Answer | Failure> {
    const answer = await send(agent, ports.http, { method: 'POST', path: '/v1/check', body: requestOf(question) }, key, ASK_WITHIN_MS)
    return isFailure(answer) ? answer : answerOf(answer)
  }
  async function askGrpc(question: Question, key: string): Promise<Answer | Failure> {
    const answer = await unary(decision, 'check', requestOf(question), key, ASK_WITHIN_MS)
    return isFailure(answer) ? answer : answerOf(answer)
  }

  return {
    ports,
    ask: (wire, question, key) =>
      wire === 'http' ? askHttp(question, key) : wire === 'grpc' ? askGrpc(question, key) : streams.ask(question, key),
    async change(wire, demand, key) {
      if (wire === 'http') {
        const answer = await send(agent, ports.http, httpRequest(demand), key, CHANGE_WITHIN_MS)
        return isFailure(answer) ? failed(answer.code) : made(answer)
      }
      const { method, message } = grpcRequest(demand)
      const answer = await unary(administration, method, message, key, CHANGE_WITHIN_MS)
      return isFailure(answer) ? failed(answer.code) : made(answer)
    },
    async probe(path) {
      const signal = AbortSignal.timeout(PROBE_WITHIN_MS)
      return await fetch(`http://127.0.0.1:${ports.probes}${path}`, { signal }).then(
        (response) => response.text(),
        () => undefined,
      )
    },
    close() {
      streams.close()
      decision.close()
      administration.close()
      agent.destroy()
    },
  }
}

interface Request {
  readonly method: string
  readonly path: string
  readonly body?: object
}

/** Settles always: with the body of a success, or with why there is none. */
function send(agent: Agent, port: number, { method, path, body }: Request, key: string, withinMs: number): Promise<Plain | Failure> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const content = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${key}`, ...content }
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', () => resolve(failure('connection')))
      response.on('end', () => {
        const json = JSON.parse(text) as Plain
        const ok = (response.statusCode ?? 500) < 300
        resolve(ok ? json : failure(String(json['code']), response.headers['retry-after'] !== undefined))
      })
    })
    const timer = setTimeout(() => {
      resolve(failure('given-up'))
      sent.destroy()
    }, withinMs)
    sent.on('error', () => resolve(failure('connection')))
    sent.on('close', () => clearTimeout(timer))
    sent.end(bytes)
  })
}
