/** A warm check asks nobody: counted on the real clients of a whole service, on PostgreSQL and Redis, over real wires. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { parseRedisAddress, type RedisAddress } from '../../src/cache/redis-address.ts'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import { SCOPES } from '../../src/model/caller.ts'
import { ask, type Client, decisionClient, send } from '../decision/transport/wires.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const CHECKS = 200
const QUESTION = { user: 'ann', tenant: 'acme', permission: 'sales.quote.create' }

/** Time goes on until it is stopped: from then on nothing grows old, and nothing is read at an interval. */
class StoppableClock implements Clock {
  #stopped: { readonly nowMs: number; readonly monotonicMs: number } | undefined

  stop(): void {
    this.#stopped = { nowMs: systemClock.nowMs(), monotonicMs: systemClock.monotonicMs() }
  }

  nowMs(): number {
    return this.#stopped?.nowMs ?? systemClock.nowMs()
  }

  monotonicMs(): number {
    return this.#stopped?.monotonicMs ?? systemClock.monotonicMs()
  }

  after(ms: number, run: () => void): () => void {
    return systemClock.after(ms, () => {
      if (this.#stopped === undefined) run()
    })
  }
}

/** Statements sent by any client of `pg` in this process. */
function countStatements(): { readonly count: () => number; restore(): void } {
  const original = pg.Client.prototype.query
  let count = 0
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    count++
    return Reflect.apply(original, this, args)
  } as typeof original
  return {
    count: () => count,
    restore: () => {
      pg.Client.prototype.query = original
    },
  }
}

let postgres: TestPostgres
let redis: TestRedis
let service: Service
let grpc: Client
let key: string
const clock = new StoppableClock()
const metrics = openMetrics()

beforeAll(async () => {
  postgres = await openTestPostgres()
  redis = await startRedis()
  const anyPort = { host: '127.0.0.1', port: 0 }
  service = await openService(
    {
      database: { kind: 'postgres', url: postgres.url, poolMax: 5 },
      schema: 'migrate',
      policies: { source: 'directory', directory: fileURLToPath(new URL('../../policies', import.meta.url)), pollMs: 3_600_000 },
      adminKey: undefined,
      strictSubjects: false,
      http: anyPort,
      grpc: anyPort,
      probes: anyPort,
      tls: undefined,
      connectionAgeMs: 3_600_000,
      settleMs: 0,
      cacheBytes: 1_000_000,
      redis: { address: addressOf(redis), ca: undefined },
    },
    { clock, random: systemRandom, log: openLog('silent'), metrics },
  )
  service.ready()
  const context = { caller: { id: 'test', name: 'test', scopes: SCOPES, tenants: null, builtIn: true as const }, reason: 'test' }
  await service.administration.grant(context, { ...QUESTION, role: 'salesperson' })
  key = (await service.administration.createCaller(context, { name: 'asks', scopes: ['decide'] })).key
  grpc = decisionClient(service.ports.grpc)
})
afterAll(async () => {
  grpc?.close()
  await service?.stop()
  await redis?.stop()
  await postgres?.close()
})

function addressOf({ url }: TestRedis): RedisAddress {
  const address = parseRedisAddress(url)
  if (address === undefined) throw new Error('not an address')
  return address
}
const overHttp = async () => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return (await send(service.ports.http, { method: 'POST', path: '/v1/check', headers }, JSON.stringify(QUESTION))).json
}
const overGrpc = () => ask(grpc, 'Check', QUESTION, key)
const commandsOfRedis = () => Number(/total_commands_processed:(\d+)/.exec(redis.command('info', 'stats').join('\n'))?.[1])
async function readsFrom(level: string): Promise<number> {
  return Number(new RegExp(`castellan_access_reads_total{level="${level}"} (\\d+)`).exec((await metrics.text()).body)?.[1])
}

describe('a warm check', () => {
  it('sends no statement to PostgreSQL and no command to Redis, on either wire, and is counted as answered from memory', async () => {
    expect(await overHttp()).toMatchObject({ allowed: true })
    clock.stop()
    // What was under way when time stopped is sent.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const statements = countStatements()
    const before = { redis: commandsOfRedis(), memory: await readsFrom('memory'), store: await readsFrom('store') }
    try {
      for (let asked = 0; asked < CHECKS; asked++) {
        expect(await overHttp()).toMatchObject({ allowed: true })
        expect(await overGrpc()).toMatchObject({ allowed: true })
      }
      expect(statements.count()).toBe(0)
      // The second look at its statistics is itself a command.
      expect(commandsOfRedis()).toBe(before.redis + 1)
      expect(await readsFrom('memory')).toBe(before.memory + 2 * CHECKS)
      expect(await readsFrom('store')).toBe(before.store)
      // The counting counts: somebody never asked about costs a statement and a look into Redis.
      await ask(grpc, 'Check', { ...QUESTION, user: 'bob' }, key)
      expect(statements.count()).toBe(1)
      expect(commandsOfRedis()).toBeGreaterThan(before.redis + 2)
    } finally {
      statements.restore()
    }
  })
})
