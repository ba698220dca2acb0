/** A whole service under a flood of decisions with one sink killed, one disk full and one slow: all are accounted for, and the living sink has all. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { type Metrics, openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const KEY = 'k'.repeat(32)
const BATCHES = 12
const BATCH = 1_000

let folder: string
let redis: TestRedis
let metrics: Metrics
let service: Service
const received = new Set<string>()
const collector = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  for (const { scopeLogs } of JSON.parse(Buffer.concat(chunks).toString()).resourceLogs)
    for (const { body } of scopeLogs[0].logRecords) received.add(JSON.parse(body.stringValue).id)
  response.end('{}')
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-flood-'))
  writeFileSync(
    join(folder, 'a.yaml'),
    'apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: s, owner: o }\npermissions:\n  q.read: { code: q.r, title: Read }\n',
  )
  redis = await startRedis()
  await once(collector.listen(0, '127.0.0.1'), 'listening')
  metrics = openMetrics()
  const anyPort = { host: '127.0.0.1', port: 0 }
  const address = parseRedisAddress(redis.url)
  if (address === undefined) throw new Error('no address')
  service = await openService(
    {
      database: { kind: 'pglite' },
      schema: 'migrate',
      policies: { source: 'directory', directory: folder, pollMs: 3_600_000 },
      ...{ adminKey: KEY, strictSubjects: false, http: anyPort, grpc: anyPort, probes: anyPort, tls: undefined },
      ...{ connectionAgeMs: 3_600_000, settleMs: 0, cacheBytes: 1_000_000, redis: { address, ca: undefined } },
      decisionLog: {
        ...{ sample: 1, mask: undefined },
        sinks: [
          { kind: 'otlp', url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`, headers: {} },
          { kind: 'file', path: '/dev/full', bytesMax: 1_000_000, filesMax: 2 },
          { kind: 'redis', stream: 'decisions', lengthMax: 1_000 },
          { kind: 'postgres', days: 30 },
        ],
      },
    },
    { clock: systemClock, random: systemRandom, log: openLog('silent'), metrics },
  )
  service.ready()
})
afterAll(async () => {
  await service.stop()
  collector.closeAllConnections()
  collector.close()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function counts(sink: string): Promise<{ written: number; lost: number; buffered: number }> {
  const { body } = await metrics.text()
  const sum = (name: string) =>
    [...body.matchAll(new RegExp(`^castellan_decision_log_${name}\\{sink="${sink}"[^}]*\\} (\\d+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    )
  return { written: sum('written_total'), lost: sum('lost_total'), buffered: sum('buffered') }
}

it('counts every decision as written, waiting or lost in each sink, and ends with nothing unaccounted', async () => {
  const items = Array.from({ length: BATCH }, (_, index) => ({ user: `u-${index % 10}`, tenant: 'acme', permission: 'q.read' }))
  const decided = new Set<string>()
  for (let batch = 0; batch < BATCHES; batch += 1) {
    if (batch === BATCHES / 4) await redis.kill()
    const response = await fetch(`http://127.0.0.1:${service.ports.http}/v1/check/batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ items }),
    })
    expect(response.status).toBe(200)
    const answer = (await response.json()) as { items: { decision: { decisionId: string } }[] }
    for (const { decision } of answer.items) decided.add(decision.decisionId)
    // The living one is as fast as this machine lets it be, which is not what is tried here.
    while ((await counts('otlp')).written < decided.size - 10_000) await delay(100)
  }
  const total = BATCHES * BATCH
  expect(decided.size).toBe(total)
  while ((await counts('otlp')).written < total) await delay(100)
  await service.stop()
  for (const sink of ['otlp', 'file', 'redis', 'postgres']) {
    const { written, lost, buffered } = await counts(sink)
    expect({ sink, accounted: written + lost, buffered }).toEqual({ sink, accounted: total, buffered: 0 })
  }
  expect(await counts('file')).toMatchObject({ written: 0 })
  expect((await counts('redis')).lost).toBeGreaterThan(0)
  // Nobody waited for the others: it has every single one.
  expect(await counts('otlp')).toEqual({ written: total, lost: 0, buffered: 0 })
  expect(received).toEqual(decided)
})
