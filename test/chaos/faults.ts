/** The faults: each breaks one thing, mends it, and says by what it was seen that it really hit. When, is said elsewhere. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import { terminateBackends } from './control-database.ts'
import { freeze, parentOf } from './freeze.ts'
import type { Check, Outage } from './history.ts'
import type { FaultKind } from './options.ts'
import { now, type Recorder } from './recorder.ts'
import { withRedis } from './redis-keys.ts'
import type { Stage } from './stage.ts'

export interface Hit {
  readonly hit: boolean
  /** By what it was seen. */
  readonly seen: string
  readonly outage?: Outage
}

export interface FaultNeeds {
  readonly stage: Stage
  readonly recorder: Recorder
  readonly chance: Chance
  readonly boundMs: number
}

/** What a fault breaks: two of one target are never under way at once. */
export const TARGETS: Readonly<Record<FaultKind, readonly ('redis' | 'postgres' | 'replica')[]>> = {
  'redis-kill': ['redis'],
  'redis-flush': ['redis'],
  'redis-freeze': ['redis'],
  'redis-old-copy': ['redis'],
  'replica-freeze': ['replica'],
  'replica-kill': ['replica'],
  'postgres-restart': ['postgres'],
  'postgres-freeze': ['postgres'],
  'backends-terminated': ['postgres'],
  'both-away': ['redis', 'postgres', 'replica'],
}

export const FAULTS: Readonly<Record<FaultKind, (needs: FaultNeeds) => Promise<Hit>>> = {
  async 'redis-kill'(needs) {
    const { redis } = needs.stage
    return await countingRedisErrors(needs, async () => {
      const awayMs = needs.chance.between(1_000, 3_000)
      await redis.kill()
      await delay(awayMs)
      await redis.restart()
      return { text: `away for ${Math.round(awayMs)} ms`, hit: false }
    })
  },

  async 'redis-flush'({ stage }) {
    const keys = await withRedis(stage.redis.url, (client) => client.flush())
    return { hit: keys > 0, seen: `${keys} keys gone` }
  },

  async 'redis-freeze'(needs) {
    const { redis } = needs.stage
    return await countingRedisErrors(needs, async () => {
      const frozenMs = needs.chance.between(100, 5_000)
      const pinged = await withRedis(redis.url, async (client) => {
        redis.pause()
        const pingedAt = now()
        const ponged = client.ping().then(() => now() - pingedAt)
        await Promise.all([ponged, delay(frozenMs).then(() => redis.resume())])
        return await ponged
      })
      return { text: `a ping took ${Math.round(pinged)} ms`, hit: pinged >= frozenMs * 0.9 }
    })
  },

  async 'redis-old-copy'({ stage, chance }) {
    const copy = await withRedis(stage.redis.url, (client) => client.copy())
    await delay(chance.between(1_000, 3_000))
    let old = 0
    // Several times: what replicas put meanwhile is overwritten again.
    for (let round = 0; round < 5; round++) {
      old += await withRedis(stage.redis.url, (client) => client.restore(copy))
      await delay(200)
    }
    return { hit: old > 0, seen: `${old} of ${5 * copy.size} entries put back differed from what was there` }
  },

  async 'replica-freeze'({ stage, recorder, chance }) {
    const slot = chance.pick(stage.slots)
    const { length } = recorder.checks
    const frozenMs = chance.between(500, 5_000)
    const frozenAt = now()
    const thaw = freeze(slot.pid)
    await delay(frozenMs)
    thaw()
    const thawedAt = now()
    const isAcross = ({ replica, startedAt, endedAt }: Check) =>
      replica === slot.name && startedAt > frozenAt && startedAt < thawedAt && endedAt > thawedAt
    const across = () => recorder.checks.slice(length).filter(isAcross).length
    await holdsWithin(3_000, () => across() > 0)
    return { hit: across() > 0, seen: `replica ${slot.name} answered ${across()} questions of ${Math.round(frozenMs)} ms afterwards` }
  },

  async 'replica-kill'({ stage, recorder, chance }) {
    const slot = chance.pick(stage.slots)
    await stage.counters.refresh()
    const signal = await slot.kill()
    await slot.replace()
    const { length } = recorder.checks
    const answers = () => recorder.checks.slice(length).some(({ replica, outcome }) => replica === slot.name && outcome.kind === 'answer')
    const answered = await holdsWithin(5_000, answers)
    const text = `replica ${slot.name} ended by ${signal}, ${answered ? 'another one answered in its place' : 'nobody answered in its place'}`
    return { hit: signal === 'SIGKILL' && answered, seen: text }
  },

  async 'postgres-restart'(needs) {
    const { postgres, database } = needs.stage
    const startedAt = async () => (await database.one<{ at: string }>('select pg_postmaster_start_time()::text as at')).at
    return await countingFeedErrors(needs, async () => {
      const before = await startedAt()
      await database.close()
      await postgres.halt()
      await delay(needs.chance.between(0, 1_500))
      await postgres.resume()
      return { text: 'restarted', hit: (await startedAt()) !== before }
    })
  },

  async 'postgres-freeze'(needs) {
    const { database } = needs.stage
    return await countingFeedErrors(needs, async () => {
      const { pid } = await database.one<{ pid: number }>('select pg_backend_pid() as pid')
      const frozenMs = needs.chance.between(1_000, 3_000)
      const frozenAt = now()
      const thaw = freeze(parentOf(pid))
      await Promise.all([database.query('select 1'), delay(frozenMs).then(thaw)])
      const tookMs = now() - frozenAt
      return { text: `a query took ${Math.round(tookMs)} ms`, hit: tookMs >= frozenMs * 0.9 }
    })
  },

  async 'backends-terminated'(needs) {
    return await countingFeedErrors(needs, async () => {
      const cut = await terminateBackends(needs.stage.database)
      return { text: `${cut} sessions cut`, hit: cut > 0 }
    })
  },

  async 'both-away'({ stage, recorder, chance, boundMs }) {
    const { postgres, redis, database, slots } = stage
    const { length } = recorder.checks
    const pids = slots.map((slot) => slot.pid)
    await database.close()
    await Promise.all([postgres.halt(), redis.kill()])
    const from = now() + boundMs
    await delay(boundMs + chance.between(1_500, 3_000))
    const until = now()
    await Promise.all([postgres.resume(), redis.restart()])
    const returnedAt = now()
    // Of replicas: clients that decide by themselves have a bound of their own on top, which judge.ts knows.
    const during = recorder.checks
      .slice(length)
      .filter(({ wire, startedAt, endedAt }) => wire !== 'local' && startedAt >= from && endedAt <= until)
    const refused = during.filter(({ outcome }) => outcome.kind === 'failure' && outcome.code === 'store_unavailable' && outcome.retryAfter)
    // Nothing else was to be said: judge.ts accuses whoever decided something.
    const wrong = during.filter(({ outcome }) => outcome.kind === 'answer' || (outcome.code === 'store_unavailable' && !outcome.retryAfter))
    const resumed = await holdsWithin(20_000, () =>
      slots.every(({ name }) =>
        recorder.checks.slice(length).some((one) => one.replica === name && one.startedAt > returnedAt && one.outcome.kind === 'answer'),
      ),
    )
    const same = slots.every((slot, index) => slot.pid === pids[index])
    const again = resumed && same ? `all answered again after ${Math.round(now() - returnedAt)} ms` : 'not all answered again'
    return {
      hit: refused.length > 0 && wrong.length === 0 && resumed && same,
      seen: `${refused.length} of ${during.length} questions refused as unavailable with a time to try again; ${again}`,
      outage: { from, until },
    }
  },
}

interface Broken {
  readonly text: string
  /** Whether that alone shows that it hit. */
  readonly hit: boolean
}

function countingRedisErrors(needs: FaultNeeds, work: () => Promise<Broken>): Promise<Hit> {
  return counting(needs, 'castellan_cache_errors_total', 'errors of the cache', work)
}

function countingFeedErrors(needs: FaultNeeds, work: () => Promise<Broken>): Promise<Hit> {
  return counting(needs, 'castellan_feed_read_errors_total', 'readings of the feed failed', work)
}

/** The replicas' own count of what they suffered is the best witness. */
async function counting({ stage: { counters } }: FaultNeeds, metric: string, name: string, work: () => Promise<Broken>): Promise<Hit> {
  await counters.refresh()
  const before = counters.sum(metric)
  const { text, hit } = await work()
  await counters.refresh()
  const count = counters.sum(metric) - before
  return { hit: hit || count > 0, seen: `${text}; ${count} ${name}` }
}

async function holdsWithin(ms: number, holds: () => boolean): Promise<boolean> {
  const deadline = now() + ms
  while (!holds()) {
    if (now() > deadline) return false
    await delay(20)
  }
  return true
}
