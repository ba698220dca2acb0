/** A replica that follows the feed of a real PostgreSQL, through what operators and accidents do to a database. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { AccessFeed } from '../../src/access/access-feed.ts'
import { FeedFollower } from '../../src/access/feed-follower.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import type { Clock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyInForce } from '../../src/policy/in-force.ts'
import { type Feed, openFeed } from '../../src/store/feed-reader.ts'
import { bundleOf } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'

let opened: Awaited<ReturnType<typeof openPostgresStore>>
let replica: Replica

interface Replica {
  readonly id: string
  readonly feed: Feed
  readonly follower: FeedFollower
  readonly told: AccessFeed
  readonly knowledge: Knowledge
  readonly policy: PolicyInForce
  readonly clock: StillClock
  readonly logged: { level: string; msg: string }[]
  restarts: number
}

/** Stands still, and nothing ever comes due: nothing is read but what a test asks for. */
class StillClock implements Clock {
  ms = 1_000_000

  nowMs(): number {
    return this.ms
  }

  monotonicMs(): number {
    return this.ms
  }

  after(): () => void {
    return () => undefined
  }
}

async function openReplica(): Promise<Replica> {
  const id = `replica-${randomUUID()}`
  const feed = openFeed(opened.database, id)
  const clock = new StillClock()
  const knowledge = new Knowledge(100, clock)
  const logged: Replica['logged'] = []
  const policy = new PolicyInForce({ findRevision: (revision) => opened.store.records.findRevision(revision) })
  const told = new AccessFeed({ knowledge, clock })
  const made = { id, feed, told, knowledge, policy, clock, logged, restarts: 0 }
  const follower = new FeedFollower({
    feed: feed.reader,
    doorbell: { ring: () => undefined, onRing: () => undefined },
    knowledge,
    policy,
    shared: undefined,
    clock,
    log: openLog('info', { write: (line) => void logged.push(JSON.parse(line)) }),
    observe: { applied: () => undefined, readFailed: () => undefined },
    told,
    restarted: () => {
      made.restarts++
    },
  })
  await follower.start()
  return Object.assign(made, { follower })
}

const change = (user: string) =>
  opened.store.change(async (transaction) => {
    await transaction.ensureUser(user)
    return await transaction.appendFeed([{ kind: 'user', user }])
  })
/** Everything is known and reported, and no reading is under way that could see half of what a test does next. */
async function quiet(): Promise<void> {
  for (let reading = 0; reading < 4; reading++) await replica.follower.catchUp()
}
const isFresh = () => replica.knowledge.isFresh(replica.clock.monotonicMs())

beforeAll(async () => {
  opened = await openPostgresStore()
})
beforeEach(async () => {
  replica = await openReplica()
  await quiet()
})
afterEach(async () => {
  await replica.follower.close()
  await replica.feed.close()
})
afterAll(async () => {
  await opened.close()
})

describe('a replica that follows the feed', () => {
  it('knows a change after the reading that follows it, and has reported it after the next', async () => {
    const position = await change('ann')
    await replica.follower.catchUp()
    expect(replica.knowledge.known).toBe(position)
    expect(replica.knowledge.lastChange('any', 'ann')).toBe(position)
    await replica.follower.catchUp()
    expect((await opened.store.replicas.list()).find(({ id }) => id === replica.id)).toMatchObject({ knownPosition: position })
  })

  it('has a policy in force before it knows the position that put it there, and compiles it when it is only announced', async () => {
    const policy = compilePolicy(bundleOf({ coder: [`stay.read-${randomUUID().slice(0, 8)}`] }))
    const { revision } = policy
    await opened.store.change(async (transaction) => {
      await transaction.insertRevision(revision, canonicalJson(policy.bundle), 'test')
      await transaction.appendFeed([{ kind: 'revision', revision }])
    })
    await replica.follower.catchUp()
    await replica.policy.prepare(revision)
    expect(replica.policy.prepared).toBe(revision)
    expect(replica.policy.revision).not.toBe(revision)
    const position = await opened.store.change(async (transaction) => {
      await transaction.activateRevision(revision, 'test')
      return await transaction.appendFeed([{ kind: 'policy', revision }])
    })
    await replica.follower.catchUp()
    expect(replica.policy).toMatchObject({ revision, position })
    expect(replica.knowledge.known).toBe(position)
  })

  it('tells watchers of a change once it is known, of an activation once it is in force, and of a restore once it has begun anew', async () => {
    const policy = compilePolicy(bundleOf({ coder: [`stay.list-${randomUUID().slice(0, 8)}`] }))
    const { revision } = policy
    const held: unknown[] = []
    const watching = replica.told.watch(undefined, { tenants: null, callerDigest: 'c' }, () => {
      held.push([replica.knowledge.known, replica.policy.revision])
    })
    expect(watching.take(1)).toMatchObject([
      { kind: 'opened', incarnation: replica.knowledge.incarnation, position: replica.knowledge.known },
      { kind: 'heartbeat', fresh: true },
    ])
    const before = await change('ann')
    const position = await opened.store.change(async (transaction) => {
      await transaction.insertRevision(revision, canonicalJson(policy.bundle), 'test')
      await transaction.activateRevision(revision, 'test')
      return await transaction.appendFeed([{ kind: 'policy', revision }])
    })
    await replica.follower.catchUp()
    expect(watching.take(2)).toMatchObject([
      {
        kind: 'changes',
        through: position,
        changes: [
          { kind: 'user', position: before },
          { kind: 'policy', position, revision },
        ],
      },
      { kind: 'heartbeat', position },
    ])
    expect(held[0]).toEqual([position, revision])
    held.length = 0
    const { incarnation = '' } = replica.knowledge
    await replica.feed.reader.renewIncarnation(incarnation)
    await replica.follower.catchUp()
    // Of no moment of the restart at which no policy was in force.
    expect(held.every((one) => (one as unknown[])[1] === revision)).toBe(true)
    expect(watching.take(3)).toMatchObject([{ kind: 'opened', resumed: false, policy: { revision, position } }, { kind: 'heartbeat' }])
    expect(replica.knowledge.incarnation).not.toBe(incarnation)
  })

  it('does not pass an activation that it cannot apply, and goes on when it can', async () => {
    const policy = compilePolicy(bundleOf({ coder: [`stay.write-${randomUUID().slice(0, 8)}`] }))
    const content = canonicalJson(policy.bundle)
    const position = await opened.store.change(async (transaction) => {
      await transaction.insertRevision(policy.revision, `${content} `, 'damaged')
      await transaction.activateRevision(policy.revision, 'test')
      return await transaction.appendFeed([{ kind: 'policy', revision: policy.revision }])
    })
    await expect(replica.follower.catchUp()).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(replica.knowledge.known).toBeLessThan(position)
    replica.clock.ms += 2_000
    expect(isFresh()).toBe(false)
    await opened.database.knex('policy_revision').where({ revision: policy.revision }).update({ content })
    await replica.follower.catchUp()
    expect(replica.knowledge.known).toBe(position)
    expect(replica.policy.revision).toBe(policy.revision)
    expect(isFresh()).toBe(true)
  })

  it('registers again, and only then is fresh, when somebody took it for dead', async () => {
    replica.clock.ms += 2_000
    expect(isFresh()).toBe(false)
    await opened.database.knex('replica').where({ id: replica.id }).delete()
    await replica.follower.catchUp()
    expect((await opened.store.replicas.list()).map(({ id }) => id)).toContain(replica.id)
    expect(isFresh()).toBe(true)
  })

  it('leaves no row behind when it closes', async () => {
    await replica.follower.close()
    expect((await opened.store.replicas.list()).map(({ id }) => id)).not.toContain(replica.id)
  })
})

describe('a database that is not the one that was read before', () => {
  const loud = () => replica.logged.filter(({ level }) => level === 'error')

  it('is told by a head below what was known: all is dropped, loudly, and the database gets a new incarnation', async () => {
    for (const user of ['a', 'b', 'c']) await change(user)
    await quiet()
    const { incarnation, known = 0 } = replica.knowledge
    await opened.database
      .knex('access_changes')
      .where('position', '>', known - 2)
      .delete()
    await opened.database.knex('access_head').update({ position: known - 2 })
    await replica.follower.catchUp()
    expect(replica.restarts).toBe(2)
    expect(replica.knowledge.known).toBe(known - 2)
    expect(replica.knowledge.incarnation).not.toBe(incarnation)
    expect(loud().length).toBeGreaterThan(0)
  })

  it('is told by another change at a known position, also when the head has passed it meanwhile', async () => {
    for (const user of ['a', 'b', 'c']) await change(user)
    await quiet()
    const { incarnation, known = 0 } = replica.knowledge
    await opened.database
      .knex('access_changes')
      .where('position', '>', known - 2)
      .delete()
    await opened.database.knex('access_head').update({ position: known - 2 })
    for (const user of ['x', 'y', 'z', 'zz']) await change(user)
    await replica.follower.catchUp()
    expect(replica.knowledge.incarnation).not.toBe(incarnation)
    expect(replica.knowledge.known).toBe(known + 2)
    expect(replica.knowledge.lastChange('any', 'unheard-of')).toBe(known + 2)
    expect(loud().length).toBeGreaterThan(0)
  })

  it('is told by a dump that was read back, though its feed has passed every known position since', async () => {
    for (const user of ['a', 'b']) await change(user)
    await quiet()
    const { incarnation, known = 0 } = replica.knowledge
    // What `pg_restore --clean` does to a table: the rows are as they were, in another file.
    await opened.database.knex.transaction(async (restoring) => {
      await restoring.raw('create temporary table dumped on commit drop as select * from access_head')
      await restoring.raw('truncate access_head')
      await restoring.raw('insert into access_head select * from dumped')
    })
    for (const user of ['c', 'd']) await change(user)
    await replica.follower.catchUp()
    expect(replica.knowledge.incarnation).not.toBe(incarnation)
    expect(replica.knowledge.lastChange('any', 'unheard-of')).toBe(known + 2)
    expect(loud().length).toBeGreaterThan(0)
  })

  it.each([
    ['through the known position, of which nothing is left to compare', 0],
    ['beyond it, with changes that were never read', 1],
  ])('is not suspected when the feed has only been pruned %s; everything held is dropped all the same', async (_, beyond) => {
    for (const user of ['a', 'b']) await change(user)
    await quiet()
    const { incarnation, known = 0 } = replica.knowledge
    for (const user of ['c', 'd', 'e']) await change(user)
    const through = known + beyond
    await opened.database.knex('access_changes').where('position', '<=', through).delete()
    await opened.database.knex('access_head').update({ pruned_through: through })
    await replica.follower.catchUp()
    expect(replica).toMatchObject({ restarts: 2, knowledge: { known: known + 3, incarnation } })
    expect(replica.knowledge.lastChange('any', 'unheard-of')).toBe(known + 3)
    expect(loud()).toEqual([])
  })
})
