/**
 * Run by bare.ts: the floors. A grpc-js server, a node:http server and a node:http2 server that decide nothing and answer what they were
 * started with, in messages of the size that Castellan's have. Its arguments are the ports, of gRPC, HTTP and HTTP/2.
 */
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { fileURLToPath } from 'node:url'
import {
  type GrpcObject,
  Server as GrpcServer,
  loadPackageDefinition,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { frame } from '../load/frames.ts'
import { openMessages } from './messages.ts'

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url))
const FILE = 'castellan/v1/decision_service.proto'
/** As large as an answer of Castellan's to the same question. */
const ANSWER = {
  allowed: true,
  reason: 'ROLE',
  decisionId: '01890a5d-ac96-774b-bcce-b302099a8057',
  policyRevision: 'a7259f3ff160',
  position: 1_200,
  via: ['salesperson'],
}

type Unary<Request> = (call: ServerUnaryCall<Request, object>, answer: sendUnaryData<object>) => void

function openGrpcServer(): GrpcServer {
  const loaded = loadPackageDefinition(
    loadSync([FILE], { includeDirs: [PROTO], longs: Number, enums: String, defaults: false, oneofs: true }),
  )
  const { service } = ((loaded['castellan'] as GrpcObject)['v1'] as GrpcObject)['DecisionService'] as ServiceClientConstructor
  const check: Unary<unknown> = (_, answer) => answer(null, ANSWER)
  const batch: Unary<{ items: readonly unknown[] }> = ({ request }, answer) =>
    answer(null, { items: request.items.map(() => ({ decision: ANSWER })) })
  const permissions: Unary<{ permissions: readonly string[] }> = ({ request }, answer) => {
    const { decisionId, policyRevision, position } = ANSWER
    answer(null, { allowed: request.permissions.map(() => true), decisionId, policyRevision, position })
  }
  const stream = (call: ServerDuplexStream<{ id: string }, object>) => {
    call.on('data', ({ id }: { id: string }) => call.write({ id, decision: ANSWER }))
    call.on('end', () => call.end())
  }
  const server = new GrpcServer()
  server.addService(service, { Check: check, BatchCheck: batch, CheckPermissions: permissions, CheckStream: stream })
  return server
}

/** Parses what it is asked, writes what it answers: both as every server has to. */
function openJsonServer(): Server {
  return createHttpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      JSON.parse(Buffer.concat(chunks).toString())
      const body = JSON.stringify(ANSWER)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      response.end(body)
    })
  })
}

/** The wire of gRPC by hand: what HTTP/2 of Node costs alone. Answers one check. */
function openHttp2Server() {
  const framed = frame(openMessages(FILE, PROTO).encode('castellan.v1.CheckResponse', ANSWER))
  return createHttp2Server().on('stream', (stream) => {
    stream.on('data', () => undefined)
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(framed)
    })
  })
}

const [grpcPort = 0, httpPort = 0, http2Port = 0] = process.argv.slice(2).map(Number)
const HOST = '127.0.0.1'
openHttp2Server().listen(http2Port, HOST)
openGrpcServer().bindAsync(`${HOST}:${grpcPort}`, ServerCredentials.createInsecure(), (fault) => {
  if (fault !== null) throw fault
  // Whoever waits for it asks here: the others are up by then.
  openJsonServer().listen(httpPort, HOST)
})
