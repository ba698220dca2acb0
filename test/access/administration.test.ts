/** Changes to who may do what: what they answer, what they leave behind, what they refuse. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Caller } from '../../src/model/caller.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'

const HOUR_MS = 3_600_000
const plain = bundleOf({ coder: ['stay.read'], maker: ['pay.create'], checker: ['pay.approve'], cover: ['stay.sign'] })
const bundle: PolicyBundle = {
  ...plain,
  roles: plain.roles.map((role) => (role.name === 'cover' ? { ...role, assignable: 'temporary', maxGrantMs: 12 * HOUR_MS } : role)),
  constraints: [{ id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 }],
}

describe('administration', () => {
  let house: House
  let serial = 0
  const fresh = (name: string) => `${name}-${++serial}`
  /** Of grants and revocations, without the user's own coming into being. */
  const audit = async (user: string) => {
    const { items } = await house.administration.listAudit(house.admin, { user }, { pageSize: 100 })
    return items.filter((row) => row.action.startsWith('assignment.'))
  }

  beforeAll(async () => {
    house = await openHouse(bundle)
  })
  afterAll(() => house.close())

  it('denies the first check after the last role is revoked, and keeps the row as history', async () => {
    const user = fresh('ann')
    const { record } = await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: true, reason: 'ROLE', via: ['coder'] })
    await house.administration.revoke(house.context, 'north', user, record.id)
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: false, reason: 'NO_ASSIGNMENT' })
    const history = await house.administration.listAssignments(house.admin, 'north', user, true, { pageSize: 10 })
    expect(history.items).toMatchObject([{ id: record.id, revokedBy: 'test-admin' }])
    expect((await house.administration.listAssignments(house.admin, 'north', user, false, { pageSize: 10 })).items).toEqual([])
  })

  it('answers the same grant twice with the same row, and audits the second as noop at the same position', async () => {
    const user = fresh('ann')
    const first = await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    const second = await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    expect(second).toMatchObject({ changed: false, position: first.position, record: { id: first.record.id } })
    expect((await audit(user)).map((row) => [row.action, row.result])).toEqual([
      ['assignment.grant', 'noop'],
      ['assignment.grant', 'applied'],
    ])
  })

  it('keeps two windows of one role as two rows, and takes both back by the role', async () => {
    const user = fresh('ann')
    const soonMs = Date.now() + HOUR_MS
    await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder', expiresAtMs: soonMs })
    await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder', expiresAtMs: soonMs + HOUR_MS })
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ reason: 'TEMPORARY_GRANT', validUntilMs: soonMs + HOUR_MS })
    const { record } = await house.administration.revokeRole(house.context, 'north', user, 'coder')
    expect(record).toHaveLength(2)
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: false })
    expect(await house.administration.revokeRole(house.context, 'north', user, 'coder')).toMatchObject({ changed: false, record: [] })
  })

  it('tells a grant that is to come from one that is over', async () => {
    const user = fresh('ann')
    const startMs = Date.now() + HOUR_MS
    await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder', validFromMs: startMs })
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: false, reason: 'NOT_YET_VALID', validFromMs: startMs })
  })

  it('refuses a window that is empty or over, naming the field', async () => {
    const user = fresh('ann')
    const grant = (validFromMs: number, expiresAtMs: number) =>
      house.administration.grant(house.context, { user, tenant: 'north', role: 'coder', validFromMs, expiresAtMs })
    const nowMs = Date.now()
    await expect(grant(nowMs + HOUR_MS, nowMs + HOUR_MS)).rejects.toMatchObject({
      code: 'request_invalid',
      violations: [{ field: 'expiresAt' }],
    })
    await expect(grant(nowMs - 2 * HOUR_MS, nowMs - HOUR_MS)).rejects.toMatchObject({
      code: 'request_invalid',
      violations: [{ field: 'expiresAt' }],
    })
    expect(await audit(user)).toEqual([])
  })

  it('refuses a role that no bundle has, with the nearest name', async () => {
    await expect(house.administration.grant(house.context, { user: fresh('ann'), tenant: 'north', role: 'coderr' })).rejects.toMatchObject({
      violations: [{ field: 'role', message: 'is no role of the policy in force; did you mean "coder"?' }],
    })
  })

  it('gives a temporary-only role only with an end within its longest window', async () => {
    const user = fresh('ann')
    const grant = (hours?: number) =>
      house.administration.grant(house.context, {
        user,
        tenant: 'north',
        role: 'cover',
        ...(hours === undefined ? {} : { expiresAtMs: Date.now() + hours * HOUR_MS }),
      })
    await expect(grant()).rejects.toMatchObject({ code: 'constraint_violated', constraint: 'temporary-only' })
    await expect(grant(13)).rejects.toMatchObject({ code: 'constraint_violated', constraint: 'temporary-only' })
    expect(await grant(11)).toMatchObject({ changed: true })
  })

  it('denies a deactivated account everywhere at once and finds its roles as they were', async () => {
    const user = fresh('ann')
    await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    const off = await house.administration.deactivateUser(house.context, user)
    expect(off).toMatchObject({ changed: true, record: { state: 'deactivated', epoch: 1 } })
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: false, reason: 'ACCOUNT_DEACTIVATED' })
    expect(await house.administration.deactivateUser(house.context, user)).toMatchObject({ changed: false, record: { epoch: 1 } })
    expect(await house.administration.reactivateUser(house.context, user)).toMatchObject({
      record: { state: 'active', epoch: 2 },
      expiredMeanwhile: [],
    })
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: true })
  })

  it('changes no account without a reason', async () => {
    const user = fresh('ann')
    await house.administration.putUser(house.context, { user })
    await expect(house.administration.deactivateUser({ caller: house.admin }, user)).rejects.toMatchObject({
      violations: [{ field: 'reason' }],
    })
    await expect(house.administration.deactivateUser({ caller: house.admin, reason: '  ' }, user)).rejects.toMatchObject({
      code: 'request_invalid',
    })
  })

  it('denies a whole suspended tenant and lets it in again when resumed', async () => {
    const [user, tenant] = [fresh('ann'), fresh('north')]
    await house.administration.grant(house.context, { user, tenant, role: 'coder' })
    await house.administration.suspendTenant(house.context, tenant)
    expect(await house.check(user, tenant, 'stay.read')).toMatchObject({ allowed: false, reason: 'TENANT_SUSPENDED' })
    await house.administration.resumeTenant(house.context, tenant)
    expect(await house.check(user, tenant, 'stay.read')).toMatchObject({ allowed: true })
  })

  it('keeps what a second registration leaves out', async () => {
    const user = fresh('ann')
    await house.administration.putUser(house.context, { user, email: 'ann@example.org', attributes: { site: 'north' } })
    const { record } = await house.administration.putUser(house.context, { user, displayName: 'Ann' })
    expect(record).toMatchObject({ email: 'ann@example.org', displayName: 'Ann', attributes: { site: 'north' } })
    expect(await house.administration.putUser(house.context, { user, attributes: { site: 'north' } })).toMatchObject({ changed: false })
  })

  it('writes actor, reason, before and after of every change', async () => {
    const user = fresh('ann')
    await house.administration.grant(
      { ...house.context, reason: 'joins the team', requestId: 'r-1' },
      { user, tenant: 'north', role: 'coder' },
    )
    expect(await audit(user)).toMatchObject([
      {
        action: 'assignment.grant',
        actor: 'test-admin',
        reason: 'joins the team',
        requestId: 'r-1',
        before: null,
        after: { role: 'coder' },
      },
    ])
  })

  it('undoes the change when its audit row cannot be written', async () => {
    const user = fresh('ann')
    const unwritable = { ...house.context, requestId: 'r\u0000' }
    await expect(house.administration.grant(unwritable, { user, tenant: 'north', role: 'coder' })).rejects.toBeDefined()
    expect(await house.check(user, 'north', 'stay.read')).toMatchObject({ allowed: false, reason: 'UNKNOWN_USER' })
  })

  it('grows the position with every change and names it in later answers', async () => {
    const user = fresh('ann')
    const { position } = await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    expect((await house.check(user, 'north', 'stay.read')).position).toBe(position)
    expect((await house.administration.revokeRole(house.context, 'north', user, 'coder')).position).toBe(position + 1)
  })
})

describe('who may administer', () => {
  let house: House
  const limited: Caller = { id: 'c1', name: 'north only', scopes: ['administer'], tenants: ['north'], builtIn: true }

  beforeAll(async () => {
    house = await openHouse(bundle)
  })
  afterAll(() => house.close())

  it('keeps a caller of one tenant out of the others and away from accounts', async () => {
    const context = { caller: limited, reason: 'r' }
    expect(await house.administration.grant(context, { user: 'ann', tenant: 'north', role: 'coder' })).toMatchObject({ changed: true })
    await expect(house.administration.grant(context, { user: 'ann', tenant: 'south', role: 'coder' })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await expect(house.administration.deactivateUser(context, 'ann')).rejects.toMatchObject({ code: 'permission_denied' })
  })

  it('hands out no scope and no tenant that the maker lacks', async () => {
    const context = { caller: limited }
    await expect(house.administration.createCaller(context, { name: 'x', scopes: ['audit'], tenants: ['north'] })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await expect(house.administration.createCaller(context, { name: 'x', scopes: ['administer'] })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await expect(
      house.administration.createCaller(context, { name: 'x', scopes: ['administer'], tenants: ['south'] }),
    ).rejects.toMatchObject({ code: 'permission_denied' })
    expect(await house.administration.createCaller(context, { name: 'x', scopes: ['administer'], tenants: ['north'] })).toMatchObject({
      key: expect.stringMatching(/^cst_/),
    })
  })

  it('never writes a key into the audit', async () => {
    const { key } = await house.administration.createCaller(house.context, { name: 'secret keeper', scopes: ['decide'] })
    const { items } = await house.administration.listAudit(house.admin, { action: 'caller.create' }, { pageSize: 100 })
    expect(JSON.stringify(items)).not.toContain(key)
  })
})
