/** Policies published, activated, taken back and put down for later, on two replicas of one PostgreSQL. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { RunTests } from '../../src/access/policy-candidate.ts'
import { readCandidate } from '../../src/access/policy-candidate.ts'
import { openPolicyReleases } from '../../src/access/policy-releases.ts'
import { openPolicySchedule, type PolicySchedule } from '../../src/access/policy-schedule.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { Caller } from '../../src/model/caller.ts'
import { ACTIVATION_AHEAD_MS_MAX, ACTIVATION_PAST_MS_MAX, ACTIVATIONS_WAITING_MAX } from '../../src/model/policy-limits.ts'
import type { PolicyReleases, PolicySourceFile } from '../../src/model/policy-release.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { type House, NEVER, openHouse } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'

interface Replica {
  readonly house: House
  readonly releases: PolicyReleases
  readonly schedule: PolicySchedule
}

let postgres: Awaited<ReturnType<typeof openPostgresStore>>
const replicas: Replica[] = []
const NONE: RunTests = () => []

async function open(runTests = NONE, ruledByFolder = false): Promise<Replica> {
  const house = await openHouse(undefined, postgres.database)
  const { store, policy, activation } = house
  const schedule = openPolicySchedule({ store, activation, clock: systemClock, log: activation.log })
  const releases = openPolicyReleases({
    ...{ store, policy, activation, runTests },
    random: systemRandom,
    schedule: ruledByFolder ? undefined : schedule,
  })
  const replica = { house, releases, schedule }
  replicas.push(replica)
  return replica
}

beforeAll(async () => {
  postgres = await openPostgresStore()
})
afterEach(async () => {
  for (const { house, schedule } of replicas.splice(0)) {
    await schedule.close()
    await house.close()
  }
  await postgres.database.knex('policy_schedule').where({ state: 'waiting' }).update({ state: 'cancelled' })
})
afterAll(() => postgres.close())

/** Every permission of any test of this file, so that none is missing later: one that is granted, the others free. */
const catalogue: Record<string, string> = {}
const word = () => `w${randomUUID().replaceAll('-', '').slice(0, 10)}`
const newPermission = (): string => {
  const name = `office.${word()}`
  catalogue[name] = `o.${Object.keys(catalogue).length.toString(36)}${word().slice(0, 8)}`
  return name
}
const filesOf = (granted: readonly string[], permissions = catalogue, reserved = ''): readonly PolicySourceFile[] => [
  {
    name: 'policy.yaml',
    text: `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: office, owner: o@example.org }
permissions:
${Object.entries(permissions)
  .map(([name, code]) => `  ${name}: { code: ${code}, title: T }`)
  .join('\n')}
${reserved}
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: office, owner: o@example.org }
roles:
  clerk: { title: Clerk, permissions: [${granted.join(', ')}] }
`,
  },
]

/** Two replicas by one published revision in which a clerk may do `permission`; ann is one. */
async function openTwo() {
  const [one, other] = [await open(), await open()]
  const permission = newPermission()
  const { record } = await one.releases.publish(one.house.context, { files: filesOf([permission]) })
  await one.releases.activate(one.house.context, { revision: record.revision })
  await one.house.administration.grant(one.house.context, { tenant: 'north', user: 'ann', role: 'clerk' })
  return { one, other, permission, first: record.revision }
}
const decides = async ({ house }: Replica, permission: string) => {
  const { allowed, policyRevision } = await house.check('ann', 'north', permission)
  return { allowed, policyRevision }
}
const caller = (scopes: Caller['scopes'], tenants: Caller['tenants'] = null): Caller => ({
  id: 'c',
  name: 'c',
  scopes,
  tenants,
  builtIn: true,
})

describe('publishing', () => {
  it('keeps a revision with its origin, and changes nobody’s access', async () => {
    const { one, other, permission, first } = await openTwo()
    const origin = { author: 'Ann <ann@example.org>', message: 'why', sourceCommit: 'abc123' }
    const published = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]), ...origin })
    expect(published).toMatchObject({
      changed: true,
      record: { ...origin, source: 'published', publishedBy: 'test-admin', activatedAtMs: null },
    })
    expect(await decides(other, permission)).toEqual({ allowed: true, policyRevision: first })
    const { items } = await one.house.store.records.listAudit({ action: 'policy.publish' }, null, { pageSize: 1 })
    expect(items).toMatchObject([{ result: 'applied', target: published.record.revision, reason: 'test', position: published.position }])
  })

  it('answers the same for the same content again, whoever says so, and keeps the first origin', async () => {
    const one = await open()
    const files = filesOf([newPermission()])
    const { record } = await one.releases.publish(one.house.context, { files, author: 'first' })
    const again = await one.releases.publish(one.house.context, {
      files: files.map((file) => ({ ...file, text: `# a comment\n${file.text}` })),
      author: 'second',
    })
    expect(again).toMatchObject({ changed: false, record })
  })

  it('refuses what is broken or fails its own tests with every fault, and keeps nothing', async () => {
    const one = await open((policy) => [
      { file: 'x.test.yaml', line: 7, col: 1, severity: 'error', code: 'test-failed', message: `of ${policy.bundle.roles.length} roles` },
    ])
    const count = async () => (await one.house.store.records.listRevisions({ pageSize: 1_000 })).items.length
    const before = await count()
    await expect(one.releases.publish(one.house.context, { files: filesOf(['office.nowhere', 'office.*']) })).rejects.toMatchObject({
      code: 'policy_invalid',
      violations: [
        { message: expect.stringMatching(/^error unknown-permission/) },
        { message: expect.stringMatching(/^error wildcard-refused/) },
      ],
    })
    await expect(one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })).rejects.toMatchObject({
      code: 'policy_invalid',
      violations: [{ field: 'x.test.yaml:7:1', message: 'error test-failed of 1 roles' }],
    })
    expect(await count()).toBe(before)
  })

  it('refuses a name or a code of what was in force in another meaning, and one that is gone without a tombstone', async () => {
    const { one, permission } = await openTwo()
    const code = catalogue[permission] ?? ''
    const { [permission]: _, ...others } = catalogue
    const publish = (permissions: Record<string, string>, reserved?: string) =>
      one.releases.publish(one.house.context, { files: filesOf([`office.${'renamed'}`], permissions, reserved) })
    await expect(publish({ ...others, 'office.renamed': code })).rejects.toMatchObject({
      violations: [{ field: expect.stringMatching(/^policy.yaml:\d+:\d+$/), message: expect.stringMatching(/code-reused/) }],
    })
    await expect(publish({ ...catalogue, [permission]: 'o.another', 'office.renamed': 'o.renamed' })).rejects.toMatchObject({
      violations: [{ message: expect.stringMatching(/name-reused/) }],
    })
    await expect(publish({ ...others, 'office.renamed': 'o.renamed' })).rejects.toMatchObject({
      violations: [{ message: expect.stringContaining(`- { name: ${permission}, code: ${code}, removed: `) }],
    })
    const tombstone = `reserved: [{ name: ${permission}, code: ${code}, removed: 2026-11-22 }]`
    expect(await publish({ ...others, 'office.renamed': 'o.renamed' }, tombstone)).toMatchObject({ changed: true })
    // What is only published has no meaning yet, so the other tests need no tombstone of it.
  })

  it.each([
    ['publish', caller(['administer', 'decide', 'audit'])],
    ['all tenants', caller(['publish'], ['north'])],
  ])('is for callers with %s', async (_, who) => {
    const one = await open()
    const context = { caller: who, reason: 'test' }
    const denied = { code: 'permission_denied' }
    await expect(async () => one.releases.publish(context, { files: filesOf([newPermission()]) })).rejects.toMatchObject(denied)
    await expect(async () => one.releases.activate(context, { revision: '0'.repeat(64) })).rejects.toMatchObject(denied)
    await expect(async () => one.releases.rollback(context, {})).rejects.toMatchObject(denied)
    await expect(async () => one.releases.cancel(context, 'x')).rejects.toMatchObject(denied)
  })
})

describe('activating', () => {
  it('is in force on every replica when it is answered, and rolling back is a new activation of the revision before', async () => {
    const { one, other, permission, first } = await openTwo()
    const next = newPermission()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([next]) })
    const activated = await other.releases.activate(other.house.context, { revision: record.revision.slice(0, 12) })
    expect(activated).toMatchObject({ revision: record.revision, previousRevision: first, changed: true, effective: true, waiting: [] })
    for (const replica of [one, other]) {
      expect(await decides(replica, next)).toEqual({ allowed: true, policyRevision: record.revision })
      expect(await decides(replica, permission)).toMatchObject({ allowed: false })
    }
    expect(await one.releases.rollback(one.house.context, {})).toMatchObject({
      revision: first,
      previousRevision: record.revision,
      effective: true,
    })
    for (const replica of [one, other]) expect(await decides(replica, permission)).toEqual({ allowed: true, policyRevision: first })
    const history = await one.releases.listActivations(one.house.admin, { pageSize: 3 })
    expect(history.items.map((item) => item.revision)).toEqual([first, record.revision, first])
    expect(
      (await one.releases.listReplicas(one.house.admin)).filter((row) => row.revision === first && row.revisionSinceMs !== null).length,
    ).toBe(2)
  })

  it('again changes nothing and is audited', async () => {
    const { one, first } = await openTwo()
    expect(await one.releases.activate(one.house.context, { revision: first })).toMatchObject({ changed: false, effective: true })
    const { items } = await one.house.store.records.listAudit({ action: 'policy.activate' }, null, { pageSize: 1 })
    expect(items).toMatchObject([{ result: 'noop', target: first }])
  })

  it('by two who roll back at the same time happens once', async () => {
    const { one, other, first } = await openTwo()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    await one.releases.activate(one.house.context, { revision: record.revision })
    const outcomes = await Promise.allSettled([one, other].map((replica) => replica.releases.rollback(replica.house.context, {})))
    const status = await one.releases.getRevision(one.house.admin, 'active')
    expect(status.revision).toBe(first)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' })
  })

  it('rolls back further when asked again, never forth to what was gone back from, and not at all past the first or from another', async () => {
    const { one, first } = await openTwo()
    const publish = async () => (await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })).record.revision
    const [second, third] = [await publish(), await publish()]
    for (const revision of [second, third]) await one.releases.activate(one.house.context, { revision })
    const back = async (input = {}) => (await one.releases.rollback(one.house.context, input)).revision
    expect(await back({ from: third })).toBe(second)
    await expect(back({ from: third })).rejects.toMatchObject({ code: 'conflict' })
    expect(await back()).toBe(first)
    await one.releases.activate(one.house.context, { revision: third })
    expect(await back({ from: third.slice(0, 12) })).toBe(first)
  })

  it('takes nothing back that was put in force while a rollback was under way', async () => {
    const { one, other } = await openTwo()
    const publish = async () => (await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })).record.revision
    const [bad, mended] = [await publish(), await publish()]
    await one.releases.activate(one.house.context, { revision: bad })
    const { store, policy, activation } = one.house
    const { acknowledgement } = activation
    const slow = openPolicyReleases({
      ...{ store, policy, random: systemRandom, runTests: NONE, schedule: one.schedule },
      activation: {
        ...activation,
        acknowledgement: {
          ...acknowledgement,
          waitForReplicas: async (...args) => {
            await other.releases.activate(other.house.context, { revision: mended })
            return await acknowledgement.waitForReplicas(...args)
          },
        },
      },
    })
    await expect(slow.rollback(one.house.context, {})).rejects.toMatchObject({ code: 'conflict' })
    expect((await one.releases.getRevision(one.house.admin, 'active')).revision).toBe(mended)
  })

  it('takes what an older process put in force into the history, before any name or code of it gets a second meaning', async () => {
    const { one } = await openTwo()
    const [old, code] = [`office.${word()}`, `o.${word().slice(0, 8)}`]
    const compiled = readCandidate(filesOf([old], { ...catalogue, [old]: code })).policy
    // As processes of the version before write it: they know of no index.
    await one.house.store.change(async (transaction) => {
      await transaction.insertRevision(compiled.revision, canonicalJson(compiled.bundle), 'folder')
      await transaction.activateRevision(compiled.revision, 'system')
      await transaction.appendFeed([{ kind: 'policy', revision: compiled.revision }])
    })
    await one.house.freshness.catchUp()
    const other = `office.${word()}`
    const files = filesOf([other], { ...catalogue, [other]: code })
    await expect(one.releases.publish(one.house.context, { files })).rejects.toMatchObject({ code: 'policy_invalid' })
    catalogue[old] = code
    await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    expect(await one.releases.listIndex(one.house.admin)).toContainEqual(expect.objectContaining({ name: old, code }))
  })

  it('refuses a revision that was published before another one gave its names another meaning', async () => {
    const { one } = await openTwo()
    const code = `o.${word().slice(0, 8)}`
    const [early, late] = [`office.${word()}`, `office.${word()}`]
    const published = async (name: string) =>
      (await one.releases.publish(one.house.context, { files: filesOf([name], { ...catalogue, [name]: code }) })).record.revision
    const [first, second] = [await published(early), await published(late)]
    await one.releases.activate(one.house.context, { revision: second })
    catalogue[late] = code
    await expect(one.releases.activate(one.house.context, { revision: first })).rejects.toMatchObject({ code: 'policy_invalid' })
    expect(await one.house.check('ann', 'north', late)).toMatchObject({ allowed: true })
  })

  it('keeps the bit of each permission for ever', async () => {
    const { one, permission } = await openTwo()
    const before = await one.releases.listIndex(one.house.admin)
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    await one.releases.activate(one.house.context, { revision: record.revision })
    const after = await one.releases.listIndex(one.house.admin)
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.length).toBeGreaterThan(before.length)
    expect(after.filter(({ name }) => name === permission)).toHaveLength(1)
    expect(after.map(({ bit }) => bit)).toEqual(after.map((_, index) => index))
  })

  it.each([
    ['0123456', { code: 'request_invalid', violations: [{ field: 'revision', message: expect.stringContaining('8 to 64') }] }],
    ['%%%%%%%%%', { code: 'request_invalid' }],
    ['0123456789abcdef', { code: 'not_found' }],
  ])('of %s says what is wrong with it', async (revision, fault) => {
    const one = await open()
    await expect(one.releases.activate(one.house.context, { revision })).rejects.toMatchObject(fault)
  })

  it('is refused where a folder rules, with what to do', async () => {
    const ruled = await open(NONE, true)
    for (const attempt of [
      () => ruled.releases.activate(ruled.house.context, { revision: '0'.repeat(64) }),
      () => ruled.releases.rollback(ruled.house.context, {}),
    ])
      await expect(attempt()).rejects.toMatchObject({
        code: 'conflict',
        hint: expect.stringContaining('CASTELLAN_POLICY_SOURCE=published'),
      })
  })
})

describe('an activation at a time to come', () => {
  const inMs = async ({ house }: Replica, ms: number) => (await house.store.change((transaction) => transaction.nowMs())) + ms
  const move = (id: string | undefined, back: string) =>
    postgres.database.knex.raw(`update policy_schedule set activate_at = clock_timestamp() - interval '${back}' where id = ?`, [id ?? ''])
  const until = async (done: () => Promise<boolean>) => {
    while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  it('takes force by itself on every replica, once, and not before', async () => {
    const { one, other, permission, first } = await openTwo()
    const next = newPermission()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([next]) })
    const atMs = await inMs(one, 1_000)
    const put = await one.releases.activate(one.house.context, { revision: record.revision, atMs })
    expect(put).toMatchObject({
      changed: true,
      effective: false,
      scheduled: { revision: record.revision, activateAtMs: atMs, state: 'waiting' },
    })
    expect(put.waiting).toEqual([put.scheduled])
    await other.schedule.look()
    expect(await decides(other, permission)).toEqual({ allowed: true, policyRevision: first })
    await until(async () => (await decides(other, next)).allowed)
    expect(await decides(one, next)).toEqual({ allowed: true, policyRevision: record.revision })
    const [activation] = (await one.releases.listActivations(one.house.admin, { pageSize: 1 })).items
    expect(activation).toMatchObject({ revision: record.revision, actor: 'system' })
    expect(activation?.activatedAtMs).toBeGreaterThanOrEqual(atMs)
    expect(await one.releases.listScheduled(one.house.admin)).toEqual([])
    const { items } = await one.house.store.records.listAudit({ action: 'policy.activate' }, null, { pageSize: 1 })
    expect(items).toMatchObject([{ actor: 'system', reason: 'put down by test-admin: test', result: 'applied' }])
  })

  it('that was called off never does, and is called off once', async () => {
    const { one, other, permission, first } = await openTwo()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    const { scheduled } = await one.releases.activate(one.house.context, { revision: record.revision, atMs: await inMs(one, 600) })
    const id = scheduled?.id ?? ''
    expect(await other.releases.cancel(other.house.context, id)).toMatchObject({ id, state: 'cancelled' })
    await expect(one.releases.cancel(one.house.context, id)).rejects.toMatchObject({ code: 'conflict' })
    await expect(one.releases.cancel(one.house.context, randomUUID())).rejects.toMatchObject({ code: 'not_found' })
    await until(async () => (await inMs(one, 0)) > (scheduled?.activateAtMs ?? 0) + 200)
    await Promise.all([one.schedule.look(), other.schedule.look()])
    expect(await decides(one, permission)).toEqual({ allowed: true, policyRevision: first })
  })

  it('is made long before its time by no replica, however far ahead its clock is, and not announced either', async () => {
    const { one, first } = await openTwo()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    const { position } = await one.releases.activate(one.house.context, { revision: record.revision, atMs: await inMs(one, 120_000) })
    const ahead = { ...systemClock, nowMs: () => systemClock.nowMs() + 300_000 }
    const { store, activation } = one.house
    const schedule = openPolicySchedule({ store, activation, clock: ahead, log: activation.log })
    for (let look = 0; look < 5; look++) await schedule.look()
    await schedule.close()
    expect(await store.change((transaction) => transaction.readPosition())).toBe(position)
    expect((await one.releases.getRevision(one.house.admin, 'active')).revision).toBe(first)
  })

  it('is missed when another revision was activated after its time, or its time is long over', async () => {
    const { one } = await openTwo()
    await one.schedule.close()
    const publish = async () => (await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })).record.revision
    const [stale, late, byHand] = [await publish(), await publish(), await publish()]
    const ids: string[] = []
    for (const revision of [stale, late])
      ids.push((await one.releases.activate(one.house.context, { revision, atMs: await inMs(one, 3_600_000) })).scheduled?.id ?? '')
    await move(ids[0], '1 minute')
    await move(ids[1], '2 hours')
    await one.releases.activate(one.house.context, { revision: byHand })
    const again = await open()
    await again.schedule.look()
    expect((await again.releases.getRevision(again.house.admin, 'active')).revision).toBe(byHand)
    for (const id of ids)
      expect(await again.house.store.change((transaction) => transaction.lockScheduled(id))).toMatchObject({ state: 'missed' })
  })

  it('that is refused by then says so, and holds up none behind it; one that this build cannot read goes on waiting', async () => {
    const { one, permission } = await openTwo()
    await one.schedule.close()
    const publish = async (files: readonly PolicySourceFile[]) => (await one.releases.publish(one.house.context, { files })).record.revision
    const code = `o.${word().slice(0, 8)}`
    const [early, last] = [`office.${word()}`, `office.${word()}`]
    const refused = await publish(filesOf([early], { ...catalogue, [early]: code }))
    const winner = await publish(filesOf([last], { ...catalogue, [last]: code }))
    const damaged = await publish(filesOf([newPermission()], { ...catalogue, [early]: code }))
    await one.releases.activate(one.house.context, { revision: winner })
    catalogue[last] = code
    await postgres.database.knex('policy_revision').where({ revision: damaged }).update({ content: '{"format":2}' })
    const next = await publish(filesOf([permission]))
    const ids: string[] = []
    for (const revision of [damaged, refused, next])
      ids.push((await one.releases.activate(one.house.context, { revision, atMs: await inMs(one, 3_600_000) })).scheduled?.id ?? '')
    for (const [index, id] of ids.entries()) await move(id, `${20 - 5 * index} milliseconds`)
    const again = await open()
    await again.schedule.look()
    expect((await again.releases.getRevision(again.house.admin, 'active')).revision).toBe(next)
    const states = []
    for (const id of ids) states.push((await again.house.store.change((transaction) => transaction.lockScheduled(id)))?.state)
    expect(states).toEqual(['waiting', 'refused', 'done'])
    const { items } = await again.house.store.records.listAudit({ action: 'policy.cancel' }, null, { pageSize: 1 })
    expect(items).toMatchObject([{ target: refused, reason: expect.stringContaining('code-reused') }])
  })

  it('just over is one now, and one that is long over is refused', async () => {
    const { one } = await openTwo()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([newPermission()]) })
    const past = { revision: record.revision, atMs: (await inMs(one, 0)) - ACTIVATION_PAST_MS_MAX - 1_000 }
    await expect(one.releases.activate(one.house.context, past)).rejects.toMatchObject({ violations: [{ field: 'at' }] })
    expect(await one.releases.activate(one.house.context, { revision: record.revision, atMs: await inMs(one, -1) })).toMatchObject({
      effective: true,
    })
  })

  it('is bounded in how far ahead and how many', async () => {
    const { one, first } = await openTwo()
    const far = await inMs(one, ACTIVATION_AHEAD_MS_MAX + 60_000)
    await expect(one.releases.activate(one.house.context, { revision: first, atMs: far })).rejects.toMatchObject({
      violations: [{ field: 'at' }],
    })
    const atMs = await inMs(one, 3_600_000)
    const attempts = Array.from({ length: ACTIVATIONS_WAITING_MAX + 3 }, () =>
      one.releases.activate(one.house.context, { revision: first, atMs }),
    )
    const refused = (await Promise.allSettled(attempts)).filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(3)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'conflict' })
  })
})

describe('a plan', () => {
  it('says who would lose what, names people only where they may be seen, and leaves all as it is', async () => {
    const { one, permission, first } = await openTwo()
    const files = filesOf([newPermission()])
    const events = []
    for await (const event of one.releases.plan(one.house.admin, { files }, true, NEVER)) events.push(event)
    expect(events.at(0)).toMatchObject({ event: 'begin', from: first, changedRoles: ['clerk'] })
    const effects = [{ permission, kind: 'lost', conditional: false }]
    expect(events).toContainEqual({
      event: 'effects',
      items: [expect.objectContaining({ user: 'ann', tenant: 'north', dormant: false, effects: expect.arrayContaining(effects) })],
    })
    expect(events.at(-1)).toMatchObject({ event: 'end', summary: { from: first, pairsAffected: 1, effects: { gained: 1, lost: 1 } } })
    const told = []
    for await (const event of one.releases.plan(caller(['publish']), { files }, false, NEVER)) told.push(event)
    expect(JSON.stringify(told)).not.toContain('ann')
    expect(told.at(-1)).toEqual(events.at(-1))
    expect(await decides(one, permission)).toEqual({ allowed: true, policyRevision: first })
  })

  it('is made one at a time, and one that is given up makes room for the next', async () => {
    const { one, first } = await openTwo()
    const begin = async () => {
      const plan = one.releases.plan(one.house.admin, { revision: first }, false, NEVER)[Symbol.asyncIterator]()
      await plan.next()
      return plan
    }
    const plan = await begin()
    await expect(begin()).rejects.toMatchObject({ code: 'overloaded' })
    await plan.return?.()
    await (await begin()).return?.()
  })
})

describe('the budget', () => {
  it('names the largest token, and its person only to who may see people', async () => {
    const { one } = await openTwo()
    const worst = { tenant: 'north', roles: ['clerk'], form: 'codes', permissions: 1 }
    const budget = await one.releases.budget(one.house.admin, NEVER)
    expect(budget).toMatchObject({ combinations: 1, worst: { ...worst, user: 'ann' } })
    const told = await one.releases.budget(caller(['publish']), NEVER)
    expect(told.worst).toMatchObject(worst)
    expect(told.worst).not.toHaveProperty('user')
  })
})

describe('reading', () => {
  it('gives a revision back as it was published', async () => {
    const one = await open()
    const permission = newPermission()
    const { record } = await one.releases.publish(one.house.context, { files: filesOf([permission]) })
    const read = await one.releases.getRevision(one.house.admin, record.revision.slice(0, 8))
    expect(read).toMatchObject({ ...record, bundle: { roles: [{ name: 'clerk', grants: [{ permission }] }] } })
  })

  it('is for callers that administer, publish or audit, of all tenants', async () => {
    const one = await open()
    for (const who of [caller(['decide']), caller(['audit'], ['north'])]) {
      await expect(one.releases.listReplicas(who)).rejects.toMatchObject({ code: 'permission_denied' })
      await expect(one.releases.getRevision(who, 'active')).rejects.toMatchObject({ code: 'permission_denied' })
      await expect(one.house.administration.listRevisions(who, { pageSize: 1 })).rejects.toMatchObject({ code: 'permission_denied' })
      expect(() => one.house.administration.policyStatus(who)).toThrow(expect.objectContaining({ code: 'permission_denied' }))
      await expect(one.releases.plan(who, { files: [] }, false, NEVER)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'permission_denied',
      })
    }
    const people = one.releases.plan(caller(['publish']), { files: [] }, true, NEVER)
    await expect(people[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'permission_denied' })
  })
})
