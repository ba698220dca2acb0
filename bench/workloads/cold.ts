/** Checks whose answer is not in memory, one at a time in one process, against the shortest question that its store can be asked. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createClient } from 'redis'
import { openDatabase } from '../../src/store/open-database.ts'
import { openAccessReader } from '../../src/store/resolution.ts'
import { CROWD_PERMISSION, type CrowdDatabase, crowdDatabase, crowdPair } from '../crowd-database.ts'
import { type Contender, measure, type Summary, summarize } from '../measure.ts'
import { openReplica, type Replica } from '../replica/replica.ts'
import type { Study, StudyResult } from '../study.ts'
import type { Bench } from '../workload.ts'

const SELECT_1 = 'SELECT 1 by pg'
const READER = 'statement of a check by castellan'
const BY_POSTGRES = 'castellan check, PostgreSQL'
const GET = 'GET by redis'
const BY_REDIS = 'castellan check, Redis'

const CACHE_BYTES = 256 * 1_048_576
/** Whom Redis knows. When all were asked about, memory is emptied and they are asked about again. */
const IN_REDIS = 20_000
const FILLS_AT_ONCE = 32
/** About as much as the state of one of the crowd takes in Redis. */
const VALUE_BYTES = 400
/** Shares no factor with the number of people: all are asked about, and neighbours in the index are not neighbours here. */
const STEP = 7_919
/** Of what is measured, what may have been found elsewhere: around a reading of the feed that was late. */
const STRAY_SHARE_MAX = 0.02
/** Between two looks whether Redis serves by now, and how many there are: some seconds. */
const ATTEMPT_MS = 50
const ATTEMPTS_MAX = 400
const NEVER = new AbortController().signal

export const cold: Study = {
  name: 'cold',
  title: 'Checks that are not in memory, one at a time',
  async run(bench): Promise<StudyResult> {
    const { say, stage, rounds, seconds, nowMs, onRound, signal } = bench
    const closing: (() => Promise<void>)[] = []
    try {
      say('filling a database with a million people')
      const crowd = await crowdDatabase(stage)
      const { contenders, strayNotes } = await openContenders(bench, crowd, closing)
      say(`warming up, then ${rounds} rounds`)
      const onTurn = () => signal.throwIfAborted()
      const measured = await measure(contenders, { rounds, seconds, nowMs, onRound, onTurn, questions: crowd.people })
      return resultOf(summarize(measured), crowd, strayNotes())
    } finally {
      for (const close of closing.reverse()) await close()
    }
  },
}

async function openContenders(
  { stage, say }: Bench,
  { url, people }: CrowdDatabase,
  closing: (() => Promise<void>)[],
): Promise<{ readonly contenders: readonly Contender[]; strayNotes(): readonly string[] }> {
  const { policy } = await stage.facts()
  const { redisUrl } = await stage.stores()
  const replicaOf = async (more: { readonly redisUrl?: string }) => {
    const database = await openDatabase({ kind: 'postgres', url, poolMax: 4 })
    const replica = await openReplica({ database, cacheBytes: CACHE_BYTES, policy, ...more })
    closing.push(() => replica.close())
    return replica
  }
  const bare = new pg.Client(url)
  await bare.connect()
  closing.push(() => bare.end())
  const database = await openDatabase({ kind: 'postgres', url, poolMax: 1 })
  closing.push(() => database.close())
  const reader = openAccessReader(database)
  const redis = createClient({ url: redisUrl })
  await redis.connect()
  closing.push(async () => redis.destroy())
  await redis.set('bench', 'v'.repeat(VALUE_BYTES))
  const alone = await replicaOf({})
  say(`filling Redis with what ${IN_REDIS} people may`)
  await fillRedis(await replicaOf({ redisUrl }))
  const beside = await replicaOf({ redisUrl })
  await untilRedisAnswers(beside)
  const [aloneBefore, besideBefore] = [{ ...alone.answered }, { ...beside.answered }]
  const contenders = [
    oneByOne(SELECT_1, async () => (await bare.query('SELECT 1')).rows.length === 1),
    oneByOne(READER, async (number) => {
      const { user, tenant } = crowdPair((number * STEP) % people)
      return (await reader.resolve(tenant, user)).assignments.length === 1
    }),
    oneByOne(BY_POSTGRES, strangersTo(alone, people)),
    oneByOne(GET, async () => (await redis.get('bench'))?.length === VALUE_BYTES),
    oneByOne(BY_REDIS, strangersTo(beside, IN_REDIS)),
  ]
  const strayNotes = () => [
    strayNote(BY_POSTGRES, 'store', alone.answered, aloneBefore),
    strayNote(BY_REDIS, 'redis', beside.answered, besideBefore),
  ]
  return { contenders, strayNotes }
}

/** Each of so many once, then memory forgets them. */
function strangersTo(replica: Replica, people: number): (number: number) => Promise<boolean> {
  return async (number) => {
    if (number % people === 0) replica.memory.clear()
    return await isAnswered(replica, (number * STEP) % people)
  }
}

async function isAnswered({ decisions }: Replica, number: number): Promise<boolean> {
  const { reason } = await decisions.check({ ...crowdPair(number), permission: CROWD_PERMISSION }, NEVER)
  return reason === 'ROLE'
}

/** A contender whose questions are asked one after the other and counted through, whatever table it is asked from. @throws Error for a wrong answer */
function oneByOne(name: string, ask: (number: number) => Promise<boolean>): Contender {
  let next = 0
  return {
    name,
    async ask(_, count) {
      for (let at = 0; at < count; at += 1) if (!(await ask(next++))) throw new Error(`${name}: not the answer it has to give`)
      return count
    },
  }
}

/** One after the other in packs: whoever finds it in PostgreSQL puts it into Redis. */
async function fillRedis(replica: Replica): Promise<void> {
  await untilRedisAnswers(replica)
  for (let first = 0; first < IN_REDIS; first += FILLS_AT_ONCE) {
    const pack = Array.from({ length: Math.min(FILLS_AT_ONCE, IN_REDIS - first) }, (_, at) => isAnswered(replica, first + at))
    if ((await Promise.all(pack)).includes(false)) throw new Error('Somebody of the crowd holds nothing')
  }
}

/** Redis is passed over until it is known to belong to this database: somebody is asked about again and again, and is not to be found in memory. */
async function untilRedisAnswers(replica: Replica): Promise<void> {
  const before = replica.answered.redis
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    replica.memory.clear()
    await isAnswered(replica, 0)
    if (replica.answered.redis > before) return
    await sleep(ATTEMPT_MS)
  }
  throw new Error('Redis does not serve the replicas of the bench')
}

type Answered = Replica['answered']

/** @throws Error when it is not what it is called */
function strayNote(name: string, level: keyof Answered, now: Answered, before: Answered): string {
  const counted = (each: keyof Answered) => now[each] - before[each]
  const all = counted('memory') + counted('redis') + counted('store')
  const share = counted(level) / all
  if (!(share >= 1 - STRAY_SHARE_MAX))
    throw new Error(`${name}: of ${all} answers only ${counted(level)} were found there: nothing was measured`)
  return `${name}: ${(100 * share).toFixed(2)} % of its answers were found there`
}

function resultOf(summaries: readonly Summary[], { people }: CrowdDatabase, strayNotes: readonly string[]): StudyResult {
  const rateOf = (name: string) => summaries.find((summary) => summary.name === name)?.median ?? Number.NaN
  const floorOf: Readonly<Record<string, string>> = { [READER]: SELECT_1, [BY_POSTGRES]: SELECT_1, [BY_REDIS]: GET }
  const rows = summaries.map(({ name, median, mad }) => {
    const floor = floorOf[name]
    const times = floor === undefined ? '' : (rateOf(floor) / median).toFixed(2)
    return [name, `${(1e6 / median).toFixed(0)}`, `${((100 * mad) / median).toFixed(1)} %`, times]
  })
  return {
    facts: `${people} people with a role each; whom Redis serves, ${IN_REDIS}`,
    columns: ['', 'µs each', '± MAD', '× the time of its floor'],
    rows,
    figures: {
      select_1_us: 1e6 / rateOf(SELECT_1),
      statement_us: 1e6 / rateOf(READER),
      postgres_us: 1e6 / rateOf(BY_POSTGRES),
      get_us: 1e6 / rateOf(GET),
      redis_us: 1e6 / rateOf(BY_REDIS),
      statement_over_select_1: rateOf(SELECT_1) / rateOf(READER),
      postgres_over_select_1: rateOf(SELECT_1) / rateOf(BY_POSTGRES),
      redis_over_get: rateOf(GET) / rateOf(BY_REDIS),
    },
    notes: strayNotes,
  }
}
