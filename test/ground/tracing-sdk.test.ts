import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from '@jest/globals'
import { SdkTracing } from '../../src/ground/tracing-sdk.ts'

it('accounts for every span, also for those that never got room because the collector hangs', async () => {
  const held: ServerResponse[] = []
  let status: number | undefined
  const collector = createServer((request, response) => {
    request.resume()
    if (status === undefined) held.push(response)
    else response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`
  const counts = { taken: 0, lost: 0 }
  const tracing = new SdkTracing(
    { url, sampler: { kind: 'always_on', ratio: 1, parentBased: true }, resource: { 'service.name': 'test' } },
    {
      exported(spans, taken) {
        counts[taken ? 'taken' : 'lost'] += spans
      },
    },
  )
  for (let made = 0; made < 5_000; made++) tracing.enter('castellan.Check', {}, undefined).end({}, false)
  // Nobody has answered yet: what waits is bounded, and the rest is told as lost.
  expect(counts).toEqual({ taken: 0, lost: 5_000 - 2_048 })
  const closed = tracing.close()
  for (let turn = 0; held.length === 0 && turn < 1000; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
  status = 400
  for (const response of held) response.writeHead(400).end()
  await closed
  expect(counts).toEqual({ taken: 0, lost: 5_000 })
  collector.closeAllConnections()
  await new Promise((resolve) => collector.close(resolve))
})
