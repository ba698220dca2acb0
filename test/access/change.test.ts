/** What a change rests on may be taken away while it waits: its caller and the policy it goes by. On PostgreSQL, with two replicas. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { flipPolicy } from '../../src/access/policy-activation.ts'
import type { Administration, ChangeContext } from '../../src/model/administration.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { Database } from '../../src/store/database.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openPostgresStore } from '../support/stores.ts'

const page = { pageSize: 1_000 }
const REFUSED = { code: 'unauthenticated' }
const free = bundleOf({ payer: ['pay.create'], approver: ['pay.approve'] })
const strict: PolicyBundle = {
  ...free,
  constraints: [{ id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 }],
}

let postgres: Awaited<ReturnType<typeof openPostgresStore>>
/** Of one place for changes: the second one waits for its turn. */
let narrow: Database
let one: House
let other: House
const houses: House[] = []
const open = async (...how: Parameters<typeof openHouse>): Promise<House> => {
  const house = await openHouse(...how)
  houses.push(house)
  return house
}

beforeAll(async () => {
  postgres = await openPostgresStore()
  narrow = await openDatabase({ kind: 'postgres', url: postgres.url, poolMax: 4 })
})
beforeEach(async () => {
  one = await open(free, postgres.database)
})
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close()
})
afterAll(async () => {
  await narrow.close()
  await postgres.close()
})

const unique = (name: string) => `${name}-${randomUUID().slice(0, 8)}`
async function makeCaller(): Promise<ChangeContext & { readonly key: string }> {
  const { record, key } = await one.administration.createCaller(one.context, { name: 'operator', scopes: ['administer', 'decide'] })
  return { caller: record, reason: 'test', key }
}
const rolesOf = async (tenant: string, user: string) =>
  (await one.administration.listAssignments(one.admin, tenant, user, false, page)).items.map((row) => row.role)
const audited = async (actor: string) => (await one.administration.listAudit(one.admin, { actor }, page)).items.map((row) => row.action)

/** Holds the tenant's row while `meanwhile` runs, from the moment on that the change waits for it. */
async function whileItWaits<T>(tenant: string, change: () => Promise<T>, meanwhile: () => Promise<unknown>): Promise<T> {
  await one.administration.putTenant(one.context, { tenant })
  const holder = await postgres.database.knex.transaction()
  try {
    await holder('tenant').where({ id: tenant }).forUpdate().first('id')
    const under = change()
    under.catch(() => undefined)
    await untilOneWaits()
    await meanwhile()
    await holder.commit()
    return await under
  } finally {
    if (!holder.isCompleted()) await holder.rollback()
  }
}
async function untilOneWaits(): Promise<void> {
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  while ((await postgres.database.knex.raw(waiting)).rowCount === 0) await new Promise((resolve) => setImmediate(resolve))
}

describe('a revoked caller', () => {
  type ChangeMethod = {
    [M in keyof Administration]: Parameters<Administration[M]>[0] extends ChangeContext ? M : never
  }[keyof Administration]
  const [tenant, user] = ['north', 'ann']
  /** Each of them, those that would change nothing included. */
  const CHANGES: Readonly<Record<ChangeMethod, (a: Administration, c: ChangeContext, ids: Readonly<Record<string, string>>) => unknown>> = {
    putTenant: (a, c) => a.putTenant(c, { tenant }),
    suspendTenant: (a, c) => a.suspendTenant(c, tenant),
    resumeTenant: (a, c) => a.resumeTenant(c, tenant),
    putUser: (a, c) => a.putUser(c, { user }),
    deactivateUser: (a, c) => a.deactivateUser(c, user),
    reactivateUser: (a, c) => a.reactivateUser(c, user),
    grant: (a, c) => a.grant(c, { tenant, user, role: 'approver' }),
    revoke: (a, c, ids) => a.revoke(c, tenant, user, ids['assignment'] ?? ''),
    revokeRole: (a, c) => a.revokeRole(c, tenant, user, 'payer'),
    createCaller: (a, c) => a.createCaller(c, { name: 'heir', scopes: ['administer'] }),
    rotateCaller: (a, c, ids) => a.rotateCaller(c, { callerId: ids['caller'] ?? '' }),
    revokeCaller: (a, c, ids) => a.revokeCaller(c, ids['caller'] ?? ''),
  }

  it.each(['revoked', 'over'])('changes nothing in any way, when it is %s since it was let in', async (end) => {
    const context = await makeCaller()
    const { record } = await one.administration.grant(one.context, { tenant, user, role: 'payer' })
    const ids = { assignment: record.id, caller: (await makeCaller()).caller.id }
    if (end === 'revoked') await one.administration.revokeCaller(one.context, context.caller.id)
    else
      await postgres.database
        .knex('caller')
        .where({ id: context.caller.id })
        .update({ expires_at: new Date(Date.now() - 1_000) })
    for (const [name, change] of Object.entries(CHANGES)) {
      const outcome = await Promise.resolve(change(one.administration, context, ids)).catch((fault) => fault.code)
      expect([name, outcome]).toEqual([name, 'unauthenticated'])
    }
    expect(await audited(context.caller.id)).toEqual([])
    expect(await rolesOf(tenant, user)).toEqual(['payer'])
  })

  it('changes nothing by what waited for a row, which does not keep its revocation waiting either', async () => {
    const context = await makeCaller()
    const tenant = unique('tenant')
    const grant = () => one.administration.grant(context, { tenant, user: 'ann', role: 'payer' })
    const revoke = async () =>
      expect(await one.administration.revokeCaller(one.context, context.caller.id)).toMatchObject({ changed: true, effective: true })
    await expect(whileItWaits(tenant, grant, revoke)).rejects.toMatchObject(REFUSED)
    expect(await rolesOf(tenant, 'ann')).toEqual([])
    expect(await audited(context.caller.id)).toEqual([])
  })

  it('changes nothing by what waited for its turn, of which it learns nothing more', async () => {
    const context = await makeCaller()
    const crowded = await open(undefined, narrow)
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const holding = crowded.store.change(() => gate)
    const waiting = Array.from({ length: 20 }, (_, index) =>
      crowded.administration.grant(context, { tenant: 'queue', user: `u${index}`, role: index % 2 === 0 ? 'payer' : 'unknown' }).then(
        () => 'granted',
        (fault) => fault.code,
      ),
    )
    expect(await one.administration.revokeCaller(one.context, context.caller.id)).toMatchObject({ effective: true })
    release()
    await holding
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['unauthenticated']))
    expect(await one.store.records.findTenant('queue')).toBeUndefined()
  })

  it('may have revoked itself, once', async () => {
    const context = await makeCaller()
    const revoke = () => one.administration.revokeCaller(context, context.caller.id)
    expect(await revoke()).toMatchObject({ changed: true, record: { id: context.caller.id, revokedAtMs: expect.any(Number) } })
    await expect(revoke()).rejects.toMatchObject(REFUSED)
    expect(await audited(context.caller.id)).toEqual(['caller.revoke'])
  })
})

describe('callers that are in force', () => {
  it('revoke each other at once: one does, the other comes too late', async () => {
    for (let round = 0; round < 10; round++) {
      const [left, right] = [await makeCaller(), await makeCaller()]
      const outcomes = await Promise.all(
        [[left, right] as const, [right, left] as const].map(([by, whom]) =>
          one.administration.revokeCaller({ ...by, wait: false }, whom.caller.id).then(
            () => 'revoked',
            (fault) => fault.code,
          ),
        ),
      )
      expect(outcomes.sort()).toEqual(['revoked', 'unauthenticated'])
    }
  })

  it('make changes beside each other: none waits for another one of the same caller', async () => {
    const context = await makeCaller()
    const [held, open] = [unique('held'), unique('open')]
    const grant = (tenant: string) => one.administration.grant(context, { tenant, user: 'ann', role: 'payer' })
    const meanwhile = async () => expect(await one.administration.putTenant(context, { tenant: open })).toMatchObject({ changed: true })
    expect(await whileItWaits(held, () => grant(held), meanwhile)).toMatchObject({ changed: true })
    const made = await one.administration.createCaller(context, { name: 'heir', scopes: ['decide'] })
    expect(await one.administration.revokeCaller(context, made.record.id)).toMatchObject({ changed: true })
  })
})

describe('a grant', () => {
  const compiled = (bundle: PolicyBundle) => ({ revision: compilePolicy(bundle).revision, content: canonicalJson(bundle) })
  const unheard = { announce: () => undefined, effective: async () => undefined, waitForReplicas: async () => [] }
  /** The other replica reads nothing of its own accord, and no bell rings. */
  async function activate(bundle: PolicyBundle): Promise<void> {
    const { revision, content } = compiled(bundle)
    await one.store.change((transaction) => transaction.insertRevision(revision, content, 'test'))
    await flipPolicy({ ...one.activation, acknowledgement: unheard }, revision, one.context, { history: 'tell' })
  }
  /** Not waiting: its clock stands still. */
  let context: ChangeContext
  beforeEach(async () => {
    other = await open(undefined, postgres.database, { clock: new ManualClock() })
    context = { ...other.context, wait: false }
  })

  it('is held against the constraints of the policy in force, also where that one is not known yet', async () => {
    const user = unique('ann')
    await one.administration.grant(one.context, { tenant: 'north', user, role: 'payer' })
    await activate(strict)
    const approve = () => other.administration.grant(context, { tenant: 'north', user, role: 'approver' })
    await expect(approve()).rejects.toMatchObject({ code: 'constraint_violated', constraint: 'four-eyes' })
    expect(await rolesOf('north', user)).toEqual(['payer'])
    // A refusal by a policy of before is as wrong.
    await activate(free)
    expect(await approve()).toMatchObject({ changed: true })
  })

  it('is held against the policy of the position it takes, when that one took force while it waited', async () => {
    const [tenant, user] = [unique('north'), unique('ann')]
    await one.administration.grant(one.context, { tenant, user, role: 'payer' })
    const grant = () => other.administration.grant(context, { tenant, user, role: 'approver' })
    await expect(whileItWaits(tenant, grant, () => activate(strict))).rejects.toMatchObject({ code: 'constraint_violated' })
    expect(await rolesOf(tenant, user)).toEqual(['payer'])
    expect((await one.administration.listAudit(one.admin, { user }, page)).items).toHaveLength(2)
  })

  it('is refused as unavailable where the policy in force cannot be had; what is revoked there is revoked', async () => {
    const user = unique('ann')
    for (const role of ['payer', 'approver']) await one.administration.grant(one.context, { tenant: 'north', user, role })
    const next = bundleOf({ payer: [`pay.${unique('p')}`] })
    const kept = compiled(next)
    await postgres.database.knex('policy_revision').insert({ ...kept, content: `${kept.content} `, source: 'damaged' })
    one.policy.offer(compilePolicy(next))
    await flipPolicy({ ...one.activation, acknowledgement: unheard }, kept.revision, one.context, { history: 'tell' })
    const { administration } = other
    const grant = () => administration.grant(context, { tenant: 'north', user: unique('bea'), role: 'payer' })
    await expect(grant()).rejects.toMatchObject({ code: 'store_unavailable' })
    const [row] = (await administration.listAssignments(one.admin, 'north', user, false, page)).items
    expect(await administration.revoke(context, 'north', user, row?.id ?? '')).toMatchObject({ changed: true })
    const left = row?.role === 'payer' ? 'approver' : 'payer'
    expect(await administration.revokeRole(context, 'north', user, left)).toMatchObject({ changed: true })
    expect(await rolesOf('north', user)).toEqual([])
  })
})
