/**
 * What a check costs that memory cannot answer: from PostgreSQL beside `SELECT 1`, from Redis beside one GET, in turns, on connections of the same
 * settings. Prints medians and ratios, and those of the quickest tenth, which a busy machine moves less; asserts none. The services are its own: PostgreSQL of its npm package, redis-server from PATH.
 * `node --import ./test/chaos/typescript.mjs test/scale/cold.ts [--rounds 15] [--asks 200] [--at-once 1]`
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import { createClient, RESP_TYPES } from 'redis'
import { holds, type ReadObserver } from '../../src/access/fresh-reader.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import { momentOf } from '../../src/access/moment.ts'
import { openAccessResolver } from '../../src/access/resolve.ts'
import type { SharedLevel, StateLevel } from '../../src/cache/ports.ts'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { RedisCache } from '../../src/cache/redis-cache.ts'
import { decide } from '../../src/decision/decide.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { Level } from '../../src/model/access-state.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openAccessReader } from '../../src/store/resolution.ts'
import { readPolicy } from '../decision/random-policy.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { startRedis, until } from '../support/redis.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    asks: { type: 'string', default: '200' },
    'at-once': { type: 'string', default: '1' },
  },
})
const [rounds, asks, atOnce] = [Number(values.rounds), Number(values.asks), Number(values['at-once'])]
const USERS = 5_000
const TENANT = 'north'
const PERMISSION = 'stay.stay.read'

const NOTHING: StateLevel = { get: () => undefined, set: () => undefined, clear: () => undefined, entries: 0, bytes: 0 }
const DEAF: ReadObserver = { answered: () => undefined, outdated: () => undefined, refused: () => undefined }

const postgres = await startEmbeddedPostgres()
const redis = await startRedis()
const closing: (() => unknown)[] = []
try {
  await run()
} finally {
  for (const close of closing.reverse()) await close()
  await redis.stop()
  await postgres.stop()
}

async function run(): Promise<void> {
  const database = await openDatabase({ kind: 'postgres', url: postgres.url, poolMax: 10 })
  closing.push(() => database.close())
  await migrate(database)
  const reader = openAccessReader(database)
  const bare = new pg.Client({ connectionString: postgres.url, keepAlive: true })
  await bare.connect()
  await seed(bare)
  closing.push(() => bare.end())

  const address = parseRedisAddress(redis.url)
  if (address === undefined) throw new Error('not an address of Redis')
  const client = createClient({ url: redis.url })
  await client.connect()
  closing.push(() => client.destroy())
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  const log = openLog('silent', { write: () => undefined })
  const observe = { failed: () => undefined, connected: () => undefined, breaker: () => undefined }
  const cache = new RedisCache({ address, ca: undefined, clock: systemClock, random: systemRandom, log, observe })
  closing.push(() => cache.close())
  const identity = { incarnation: 'measured', secret: systemRandom.bytes(32), head: 1 }
  await until(async () => {
    cache.observe(identity)
    cache.put(TENANT, 'user-0', await reader.resolve(TENANT, 'user-0'), 600_000)
    return (await cache.get(TENANT, 'user-0')) !== undefined
  })
  for (let number = 0; number < USERS; number++) {
    cache.put(TENANT, userOf(number), await reader.resolve(TENANT, userOf(number)), 600_000)
    if (number % 100 === 0) cache.observe(identity)
  }
  const value = await cacheValue()
  await client.set('bare', value)

  const { bundle } = readPolicy({
    catalogue: {
      apiVersion: 'castellan/v1',
      kind: 'PermissionCatalogue',
      metadata: { service: 'stay', owner: 'o' },
      permissions: Object.fromEntries([PERMISSION, 'stay.stay.write'].map((title, number) => [title, { code: `c.${number}`, title }])),
    },
    roles: { clerk: { title: 'Clerk', permissions: [PERMISSION] }, coder: { title: 'Coder', permissions: ['stay.stay.write'] } },
    constraints: [],
  })
  if (bundle === undefined) throw new Error('the policy is wrong')
  const policy = compilePolicy(bundle)
  const levels = new Map<Level, number>()
  const check = (shared: SharedLevel | undefined) => {
    const knowledge = new Knowledge(1_000, systemClock)
    knowledge.restart('measured', 0)
    const known = () => {
      knowledge.reach(1)
      knowledge.catchUp({ sent: momentOf(systemClock), atMs: Date.now() })
      if (shared !== undefined) cache.observe(identity)
    }
    const resolver = openAccessResolver({
      access: reader,
      memory: NOTHING,
      shared,
      knowledge,
      policy: { position: 1, current: () => policy },
      catchUp: async () => undefined,
      clock: systemClock,
      holds,
      observe: { ...DEAF, answered: (level) => levels.set(level, 1 + (levels.get(level) ?? 0)) },
    })
    const { signal } = new AbortController()
    return {
      known,
      ask: async (user: string) => {
        const found = await resolver.resolve(TENANT, user, undefined, signal)
        const verdict = decide(found.policy, { user, tenant: TENANT, permission: PERMISSION }, found.value)
        if (!verdict.allowed) throw new Error(`${user} may not: ${verdict.reason}`)
      },
    }
  }
  const [fromStore, fromRedis] = [check(undefined), check(cache)]
  await compare('PostgreSQL', [
    { name: 'SELECT 1', ask: () => bare.query('SELECT 1') },
    { name: 'prepared', ask: () => bare.query({ name: 'one', text: 'select 1', values: [] }) },
    { name: 'resolve', ask: (user) => reader.resolve(TENANT, user) },
    { name: 'cold check', ...fromStore },
  ])
  await compare('Redis', [
    { name: 'GET', ask: () => binary.get('bare') },
    { name: 'shared level', known: fromRedis.known, ask: (user) => cache.get(TENANT, user) },
    { name: 'cold check', ...fromRedis },
  ])

  const [store = 0, shared = 0] = [levels.get('store'), levels.get('redis')]
  print(
    `Cold checks answered by PostgreSQL ${store}, by Redis ${shared}; of the latter's share some may have fallen through when Redis was late`,
  )

  /** Bytes as they stand in Redis for a user. */
  async function cacheValue(): Promise<Buffer> {
    const [key] = (await client.keys('castellan:*:a:*')).slice(0, 1)
    const bytes = key === undefined ? null : await binary.get(key)
    if (bytes === null) throw new Error('Redis has nothing')
    return Buffer.from(bytes)
  }
}

interface Way {
  readonly name: string
  /** Before each round. */
  readonly known?: () => void
  readonly ask: (user: string) => Promise<unknown>
}

async function compare(title: string, ways: readonly Way[]): Promise<void> {
  const [elapsed, spent] = [ways.map((): number[] => []), ways.map((): number[] => [])]
  let number = 0
  for (let round = -3; round < rounds; round++) {
    for (const [index, { known, ask }] of ways.entries()) {
      known?.()
      const [begunMs, begun] = [performance.now(), process.cpuUsage()]
      for (let asked = 0; asked < asks; asked += atOnce)
        await Promise.all(Array.from({ length: atOnce }, () => ask(userOf(number++ % USERS))))
      const { user, system } = process.cpuUsage(begun)
      if (round < 0) continue
      elapsed[index]?.push(((performance.now() - begunMs) * 1_000) / asks)
      spent[index]?.push((user + system) / asks)
    }
  }
  print(`${title}, ${atOnce} at once`)
  for (const [index, { name }] of ways.entries()) {
    const [times, cpus] = [elapsed[index] ?? [], spent[index] ?? []]
    const ratio = median(times.map((one, round) => one / (elapsed[0]?.[round] ?? 1)))
    const quickest = quickestTenth(times) / quickestTenth(elapsed[0] ?? [])
    const [all, quick] = [
      [median(times), median(cpus), ratio],
      [quickestTenth(times), quickestTenth(cpus), quickest],
    ].map(
      ([time, cpu, times]) => `${time?.toFixed(0).padStart(6)} µs  CPU of ours ${cpu?.toFixed(0).padStart(4)} µs  ×${times?.toFixed(2)}`,
    )
    print(`  ${name.padEnd(14)}${all}   |${quick}`)
  }
}

/** Without the limits of the service. */
async function seed(client: pg.Client): Promise<void> {
  await client.query(`insert into tenant (id, state, attributes) values ('${TENANT}', 'active', '{"region": "north"}')`)
  await client.query(`insert into subject (id, state, attributes)
    select 'user-' || n, 'active', '{"department": "care"}'::jsonb from generate_series(0, ${USERS - 1}) n`)
  await client.query(`insert into role_assignment (id, user_id, tenant_id, role, valid_from, created_by)
    select gen_random_uuid()::text, 'user-' || n, '${TENANT}', role, now() - interval '1 day', 'x'
    from generate_series(0, ${USERS - 1}) n, lateral (values ('clerk'), ('coder')) given(role)
    where role = 'clerk' or n % 2 = 0`)
  await client.query('update access_head set position = 1, policy_position = 1')
  await client.query('analyze')
}

function userOf(number: number): string {
  return `user-${number}`
}

function median(of: readonly number[]): number {
  return [...of].sort((one, other) => one - other)[of.length >> 1] ?? Number.NaN
}

/** The slowest of them. */
function quickestTenth(of: readonly number[]): number {
  return [...of].sort((one, other) => one - other)[Math.floor(of.length / 10)] ?? Number.NaN
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
