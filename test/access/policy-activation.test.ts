/** A policy revision takes force on all replicas of a PostgreSQL at one position of the feed, or a replica does not answer. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { openAcknowledgement } from '../../src/access/acknowledge.ts'
import { activatePolicy, flipPolicy, publishRevision, waitUntilPrepared } from '../../src/access/policy-activation.ts'
import { openLog } from '../../src/ground/log.ts'
import type { Decision } from '../../src/model/decision.ts'
import { FRESHNESS_BOUND_MS, POLICY_ADOPT_AGAIN_MS_MIN, POLICY_PREPARE_WAIT_MS_MAX } from '../../src/model/limits.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { bundleOf, type House, type HouseSettings, NEVER, openHouse } from '../support/house.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openPostgresStore } from '../support/stores.ts'

let postgres: Awaited<ReturnType<typeof openPostgresStore>>
const houses: House[] = []
const open = async (settings: HouseSettings = {}): Promise<House> => {
  const house = await openHouse(undefined, postgres.database, settings)
  houses.push(house)
  return house
}
/** A reader may do `name`, and nothing else. */
const made = (name: string) => {
  const bundle = bundleOf({ reader: [name] })
  const { revision } = compilePolicy(bundle)
  return { bundle, kept: { revision, content: canonicalJson(bundle) }, revision }
}
/** Of no other test. */
const unique = (name: string) => made(`${name}.p${randomUUID().slice(0, 8)}`)
const permissionOf = ({ bundle }: ReturnType<typeof made>) => bundle.permissions[0]?.name ?? ''

beforeAll(async () => {
  postgres = await openPostgresStore()
})
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close()
})
afterAll(() => postgres.close())

const count = async (table: 'policy_activation' | 'audit_event', where: object) =>
  Number((await postgres.database.knex(table).where(where).count({ rows: '*' }).first())?.rows)

/** Two replicas under one revision, which both have answered by; ann is a reader in north. */
async function openTwo(settings: HouseSettings = {}) {
  const [one, other] = [await open(), await open(settings)]
  const before = unique('before')
  await one.use(before.bundle)
  await one.administration.grant(one.context, { tenant: 'north', user: 'ann', role: 'reader' })
  await other.freshness.catchUp()
  for (const house of [one, other])
    expect(await house.check('ann', 'north', permissionOf(before))).toMatchObject({ allowed: true, policyRevision: before.revision })
  return { one, other, before }
}

describe('an activation', () => {
  it('is prepared by every replica while all answer by the revision before, then flips them all', async () => {
    const { one, other, before } = await openTwo()
    const after = unique('after')
    expect(await publishRevision(one.activation, after.kept, 'test')).toBe(true)
    await waitUntilPrepared(one.activation, after.revision)
    const rows = await one.store.replicas.list()
    expect(rows.map((row) => row.id).sort()).toEqual([one.replicaId, other.replicaId].sort())
    for (const row of rows) expect(row).toMatchObject({ preparedRevision: after.revision, policyRevision: before.revision })
    for (const house of [one, other])
      expect(await house.check('ann', 'north', permissionOf(before))).toMatchObject({ allowed: true, policyRevision: before.revision })

    const { position, changed } = await flipPolicy(one.activation, after.revision, one.context, { history: 'tell' })
    expect(changed).toBe(true)
    for (const house of [one, other]) {
      const lost = await house.check('ann', 'north', permissionOf(before))
      expect(lost).toMatchObject({ allowed: false, reason: 'UNKNOWN_PERMISSION', policyRevision: after.revision })
      expect(lost.position).toBeGreaterThanOrEqual(position)
      expect(await house.check('ann', 'north', permissionOf(after))).toMatchObject({ allowed: true, policyRevision: after.revision })
    }
  })

  it('leaves no doubt which revision an answer is by, also while it is under way: the position tells', async () => {
    const { one, other, before } = await openTwo()
    const answers: Decision[] = []
    const revisions = [before.revision]
    const activated: { readonly revision: string; readonly position: number }[] = []
    let over = false
    const ask = async (house: House) => {
      while (!over) {
        answers.push(await house.check('ann', 'north', 'any'))
        // Lets readings of the feed come in between.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const asking = [one, other, one, other].map(ask)
    for (let index = 0; index < 6; index++) {
      const next = unique('next')
      const { store, activation, context } = index % 2 === 0 ? one : other
      // The last ones nobody prepared: then a replica has to load it between hearing of the activation and applying it.
      const isPrepared = index < 3
      if (isPrepared) await publishRevision(activation, next.kept, 'test')
      else await store.change((transaction) => transaction.insertRevision(next.revision, next.kept.content, 'test'))
      if (isPrepared) await waitUntilPrepared(activation, next.revision)
      const { position } = await flipPolicy(activation, next.revision, context, { history: 'tell' })
      activated.push({ revision: next.revision, position })
      revisions.push(next.revision)
    }
    over = true
    await Promise.all(asking)
    expect(answers.length).toBeGreaterThan(100)
    expect(new Set(answers.map((answer) => answer.policyRevision)).size).toBeGreaterThan(2)
    const isOlder = ({ position, policyRevision }: Decision) => {
      const due = activated.findLastIndex((activation) => activation.position <= position)
      return revisions.indexOf(policyRevision) < due + 1
    }
    expect(answers.filter(isOlder)).toEqual([])
  })

  it('can be asked for by its position on a replica that has not heard of it yet', async () => {
    const { one, other, before } = await openTwo({ clock: new ManualClock() })
    const after = unique('after')
    await publishRevision(one.activation, after.kept, 'test')
    const unheard = { announce: () => undefined, effective: async () => undefined, waitForReplicas: async () => [] }
    const { position } = await flipPolicy({ ...one.activation, acknowledgement: unheard }, after.revision, one.context, { history: 'tell' })
    const old = await other.check('ann', 'north', permissionOf(before))
    expect(old).toMatchObject({ allowed: true, policyRevision: before.revision })
    expect(old.position).toBeLessThan(position)
    const question = { user: 'ann', tenant: 'north', permission: permissionOf(before), minPosition: position }
    expect(await other.decisions.check(question, NEVER)).toMatchObject({ allowed: false, policyRevision: after.revision })
  })

  it('asked for by many replicas that start at once with the same files happens once, and is audited once', async () => {
    const next = unique('many')
    const opened = await Promise.all(Array.from({ length: 6 }, () => open()))
    const positions = await Promise.all(opened.map((house) => house.use(next.bundle)))
    expect(await count('policy_activation', { revision: next.revision })).toBe(1)
    expect(await count('audit_event', { action: 'policy.activate', target: next.revision })).toBe(1)
    for (const [index, house] of opened.entries()) {
      expect(house.policy.revision).toBe(next.revision)
      expect(house.policy.position).toBeLessThanOrEqual(positions[index] ?? 0)
    }
  })

  it('of what is in force already writes nothing, and is answered at a position that has it', async () => {
    const { one, before } = await openTwo()
    const head = await one.store.change((transaction) => transaction.readPosition())
    expect(await activatePolicy(one.activation, before.kept, 'test', one.context)).toBe(head)
    expect(await one.store.change((transaction) => transaction.readPosition())).toBe(head)
    expect(await count('policy_activation', { revision: before.revision })).toBe(1)
  })

  it('of one that was in force before puts it in force again, and the audit tells who, why and in place of what', async () => {
    const { one, other, before } = await openTwo()
    const after = unique('after')
    await one.use(after.bundle)
    const position = await activatePolicy(other.activation, before.kept, 'test', { ...other.context, reason: 'back again' })
    for (const house of [one, other])
      expect(await house.check('ann', 'north', permissionOf(before))).toMatchObject({ allowed: true, policyRevision: before.revision })
    const { items } = await one.administration.listAudit(one.admin, { action: 'policy.activate' }, { pageSize: 2 })
    expect(items).toMatchObject([
      {
        target: before.revision,
        actor: 'test-admin',
        reason: 'back again',
        before: { revision: after.revision },
        after: { revision: before.revision },
        result: 'applied',
        position,
      },
      { target: after.revision, before: { revision: before.revision }, after: { revision: after.revision } },
    ])
  })
})

describe('a replica that cannot have the revision', () => {
  it('is named in the log and left behind when the time to prepare is over', async () => {
    const { one } = await openTwo()
    const silent = `silent-${randomUUID()}`
    await postgres.database.knex('replica').insert({ id: silent })
    try {
      const lines: Record<string, unknown>[] = []
      const clock = new ManualClock()
      const acknowledgement = openAcknowledgement({
        registry: one.store.replicas,
        ownId: one.replicaId,
        doorbell: { ring: () => undefined, onRing: () => undefined },
        ring: () => undefined,
        clock,
        observe: { effective: () => undefined },
      })
      const next = unique('next')
      await publishRevision(one.activation, next.kept, 'test')
      const log = openLog('warn', { write: (line) => void lines.push(JSON.parse(line)) })
      let over = false
      const waiting = waitUntilPrepared({ ...one.activation, acknowledgement, log }, next.revision).then(() => {
        over = true
      })
      const startMs = clock.monotonicMs()
      // The replicas that live are asked meanwhile, so that they prepare it.
      while (!over) {
        await one.store.replicas.list()
        await clock.pass(10)
      }
      await waiting
      expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(POLICY_PREPARE_WAIT_MS_MAX)
      expect(lines).toMatchObject([{ level: 'warn', revision: next.revision, replicas: [silent] }])
    } finally {
      await postgres.database.knex('replica').where({ id: silent }).delete()
    }
  })

  it('never answers by the revision before once the freshness bound is over, and recovers when it can be had', async () => {
    const clock = new ManualClock()
    const { one, other, before } = await openTwo({ clock })
    const after = unique('after')
    await postgres.database.knex('policy_revision').insert({ ...after.kept, content: `${after.kept.content} `, source: 'damaged' })
    one.policy.offer(compilePolicy(after.bundle))
    const { position } = await flipPolicy(one.activation, after.revision, one.context, { history: 'tell' })
    expect(await one.check('ann', 'north', permissionOf(after))).toMatchObject({ allowed: true, policyRevision: after.revision })

    // The change has waited for as long as this replica may count itself fresh; its own clock says when that is over.
    await expect(other.freshness.catchUp()).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(other.freshness.status()).toMatchObject({ fresh: true })
    const last = await other.check('ann', 'north', permissionOf(before))
    expect(last).toMatchObject({ allowed: true, policyRevision: before.revision })
    expect(last.position).toBeLessThan(position)
    await clock.pass(FRESHNESS_BOUND_MS)
    expect(other.freshness.status()).toMatchObject({ fresh: false })
    for (const permission of [permissionOf(before), permissionOf(after), 'any'])
      await expect(other.check('ann', 'north', permission)).rejects.toMatchObject({ code: 'store_unavailable' })
    // It took itself out of those that changes wait for: it answers nothing that they could have to wait for.
    await expect(other.freshness.catchUp()).rejects.toMatchObject({ code: 'store_unavailable' })
    const registered = async () => (await postgres.store.replicas.list()).map(({ id }) => id)
    expect(await registered()).not.toContain(other.replicaId)

    await postgres.database.knex('policy_revision').where({ revision: after.revision }).update({ content: after.kept.content })
    await clock.pass(8 * POLICY_ADOPT_AGAIN_MS_MIN)
    expect(await other.check('ann', 'north', permissionOf(before))).toMatchObject({ allowed: false, policyRevision: after.revision })
    await other.freshness.catchUp()
    expect(await registered()).toContain(other.replicaId)
    expect(other.freshness.status()).toMatchObject({ fresh: true })
  })
})
