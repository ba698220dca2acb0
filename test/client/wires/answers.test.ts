/** Answers that are partly none, and answers that repeat what they were sent. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from '@jest/globals'
import { openServiceAsker, systemNeeds } from '../../../src/client/asking/service-asker.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import { openHttpWire } from '../../../src/client/wires/http-wire.ts'

const KEY = 'cst_a-key-that-nobody-may-read'
const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
const PATIENT = { deadlineMs: 20_000, retries: 0 }
const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function listening(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('an item that is no answer is that question’s failure, and no other one’s', async () => {
  const decision = { allowed: true, reason: 'ROLE', decisionId: 'one', policyRevision: 'one', position: 1, via: ['r'] }
  const items = [
    { decision },
    { decision: { ...decision, allowed: 'yes' } },
    { decision: { ...decision, reason: 'NO_ASSIGNMENT' } },
    { error: { code: 7 } },
    { decision, error: { code: 'internal' } },
    {},
    'nothing',
    { decision },
  ]
  const url = await listening((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items })),
  )
  const asker = openServiceAsker(openHttpWire({ url, credentials: { key: KEY } }), PATIENT, systemNeeds)
  opened.push(() => asker.close())
  const bad = { name: 'UnavailableError', code: 'bad_answer' }
  expect(await asker.checkAll(items.map(() => QUESTION))).toMatchObject([{ allowed: true }, ...Array(6).fill(bad), { allowed: true }])
})

describe('the key of the application stands in no error, though who answers repeats it', () => {
  const hidden = (fault: unknown) => expect(inspect(fault, { depth: 20, showHidden: true })).not.toContain(KEY)
  const echo = `what is "Bearer ${KEY}"?`

  it.each<[string, RequestListener]>([
    ['a page', (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end(`<p>${echo}</p>`)],
    ['a page far down', (_, response) => response.writeHead(502).end(`${'x'.repeat(480)}${KEY}`)],
    ['a type', (_, response) => response.writeHead(200, { 'content-type': `text/${KEY}` }).end('x')],
    [
      'a problem',
      (_, response) =>
        response
          .writeHead(400, { 'content-type': 'application/problem+json', 'x-request-id': KEY })
          .end(JSON.stringify({ code: 'request_invalid', detail: echo, violations: [{ field: KEY, message: echo }] })),
    ],
    ['no HTTP', (request) => request.socket.end(`HTTP/1.1 what? ${echo}\r\n\r\n`)],
  ])('%s over HTTP', async (_name, answer) => {
    const client = createHttpClient({ url: await listening(answer), credentials: { key: KEY }, ...PATIENT })
    opened.push(() => client.close())
    const fault: unknown = await client.check(QUESTION).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: expect.any(String) })
    expect((fault as Error).cause).toBeDefined()
    hidden(fault)
  })

  it('a status and its metadata over gRPC', async () => {
    const server = new grpc.Server()
    const same = (bytes: Buffer) => bytes
    const method = { path: '/castellan.v1.DecisionService/Check', requestStream: false, responseStream: false } as const
    const forms = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
    server.addService(
      { Check: { ...method, ...forms } },
      {
        Check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
          const metadata = new grpc.Metadata()
          metadata.set('seen', String(call.metadata.get('authorization')))
          callback({ code: grpc.status.INTERNAL, details: echo, metadata })
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (fault, bound) => (fault ? reject(fault) : resolve(bound))),
    )
    const client = createClient({ target: `127.0.0.1:${port}`, credentials: { key: KEY }, ...PATIENT })
    opened.push(
      () => server.forceShutdown(),
      () => client.close(),
    )
    const fault: unknown = await client.check(QUESTION).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'internal', cause: { message: expect.stringContaining('INTERNAL: what is "Bearer (key)"?') } })
    hidden(fault)
  })
})
