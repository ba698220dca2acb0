/** Grants at their edges: subjects that come into being, or must not; bounds; names that are wrong; what ended unseen; positions. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ASSIGNMENTS_PER_PAIR_MAX } from '../../src/model/limits.ts'
import { bundleOf, type House, NEVER, openHouse } from '../support/house.ts'

const HOUR_MS = 3_600_000
const bundle = bundleOf({ coder: ['stay.read'], reader: ['stay.list'] })

let house: House
let strict: House
let serial = 0
const fresh = (name: string) => `${name}-${++serial}`

interface Row {
  readonly tenant: string
  readonly user: string
  readonly role?: string
  readonly validFromMs: number
  readonly expiresAtMs: number | null
}
/** Past windows and many rows, which no grant could make, or not soon. Answers the ids in the order of the rows. */
async function insert(rows: readonly Row[]): Promise<readonly string[]> {
  return house.store.change(async (transaction) => {
    const ids: string[] = []
    for (const row of rows) {
      await transaction.ensureTenant(row.tenant)
      await transaction.ensureUser(row.user)
      const record = await transaction.insertAssignment({ role: 'coder', reason: null, createdBy: 'test', ...row, id: fresh('row') })
      ids.push(record.id)
    }
    return ids
  })
}

beforeAll(async () => {
  house = await openHouse(bundle)
  strict = await openHouse(bundle, house.database, { strictSubjects: true })
})
afterAll(async () => {
  await strict.close()
  await house.close()
})

describe('a grant that names a subject first', () => {
  const audit = async (tenant: string, user: string) =>
    (await house.administration.listAudit(house.admin, {}, { pageSize: 100 })).items
      .filter((row) => row.tenant === tenant || row.user === user)
      .map(({ action, tenant, user, position, result, before }) => ({ action, tenant, user, position, result, before }))

  it('is audited with the tenant and the user that it made, all at one position', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    const { position } = await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    const made = { position, result: 'applied', before: null }
    expect(await audit(tenant, user)).toEqual([
      { action: 'assignment.grant', tenant, user, ...made },
      { action: 'user.put', tenant: null, user, ...made },
      { action: 'tenant.put', tenant, user: null, ...made },
    ])
  })

  it('does not say again that subjects came into being which were there', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    await house.administration.putTenant(house.context, { tenant })
    await house.administration.putUser(house.context, { user })
    const { position } = await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    const ofGrant = (await audit(tenant, user)).filter((row) => row.position === position)
    expect(ofGrant.map((row) => row.action)).toEqual(['assignment.grant'])
  })

  it('is not_found where subjects are registered first, and makes neither row', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    const grant = () => strict.administration.grant(strict.context, { tenant, user, role: 'coder' })
    const known = async () => [await house.store.records.findTenant(tenant), await house.store.records.findUser(user)]
    await expect(grant()).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('tenant') })
    expect(await known()).toEqual([undefined, undefined])
    await strict.administration.putTenant(strict.context, { tenant })
    await expect(grant()).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('user') })
    expect(await known()).toMatchObject([{ id: tenant }, undefined])
    await strict.administration.putUser(strict.context, { user })
    expect(await grant()).toMatchObject({ changed: true })

    const other = fresh('south')
    await expect(strict.administration.grant(strict.context, { tenant: other, user, role: 'coder' })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await house.store.records.findTenant(other)).toBeUndefined()
  })
})

describe('the number of assignments', () => {
  it('of one user in one tenant is bounded: the last that fits is given, the next is refused, elsewhere there is room', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    const nowMs = Date.now()
    const rowAt = (fromMs: number) => ({ tenant, user, validFromMs: fromMs, expiresAtMs: fromMs + HOUR_MS })
    // What is over does not count.
    await insert([rowAt(nowMs - 3 * HOUR_MS), rowAt(nowMs - 2 * HOUR_MS)])
    await insert(Array.from({ length: ASSIGNMENTS_PER_PAIR_MAX - 1 }, (_, index) => rowAt(nowMs + (index + 1) * HOUR_MS)))
    const last = await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    expect(last).toMatchObject({ changed: true })
    await expect(house.administration.grant(house.context, { tenant, user, role: 'reader' })).rejects.toMatchObject({
      code: 'constraint_violated',
      constraint: 'assignments-per-pair',
    })
    expect(await house.check(user, tenant, 'stay.list')).toMatchObject({ allowed: false })
    expect(await house.administration.grant(house.context, { tenant, user, role: 'coder' })).toMatchObject({ changed: false })
    expect(await house.administration.grant(house.context, { tenant: fresh('south'), user, role: 'reader' })).toMatchObject({
      changed: true,
    })
    await house.administration.revoke(house.context, tenant, user, last.record.id)
    expect(await house.administration.grant(house.context, { tenant, user, role: 'reader' })).toMatchObject({ changed: true })
  })
})

describe('a reactivation', () => {
  it('names the grants that ended while the account was deactivated, in every tenant, and no others', async () => {
    const [north, south, user, other] = [fresh('north'), fresh('south'), fresh('ann'), fresh('bea')]
    await house.administration.putUser(house.context, { user })
    await house.administration.deactivateUser(house.context, user)
    // Two hours of deactivation without waiting for them.
    await house.database
      .knex('subject')
      .where({ id: user })
      .update({ state_changed_at: new Date(Date.now() - 2 * HOUR_MS) })
    const window = { validFromMs: Date.now() - 5 * HOUR_MS, expiresAtMs: Date.now() - HOUR_MS }
    const [inNorth = '', inSouth = '', revoked = ''] = await insert([
      { tenant: north, user, ...window },
      { tenant: south, user, ...window, role: 'reader' },
      { tenant: north, user, ...window, role: 'reader' },
      { tenant: north, user, ...window, expiresAtMs: Date.now() - 3 * HOUR_MS },
      { tenant: north, user, ...window, expiresAtMs: Date.now() + HOUR_MS },
      { tenant: north, user, ...window, expiresAtMs: null },
      { tenant: north, user: other, ...window },
    ])
    await house.administration.revoke(house.context, north, user, revoked)
    const { expiredMeanwhile, changed } = await house.administration.reactivateUser(house.context, user)
    expect(changed).toBe(true)
    expect(expiredMeanwhile.map((row) => row.id).sort()).toEqual([inNorth, inSouth].sort())
    expect(await house.administration.reactivateUser(house.context, user)).toMatchObject({ changed: false, expiredMeanwhile: [] })
  })
})

describe('revoking a role by its name', () => {
  it('refuses a name that is no role and was never held here, with the nearest', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    await expect(house.administration.revokeRole(house.context, tenant, user, 'coderr')).rejects.toMatchObject({
      code: 'request_invalid',
      violations: [{ field: 'role', message: expect.stringContaining('did you mean "coder"?') }],
    })
    expect(await house.check(user, tenant, 'stay.read')).toMatchObject({ allowed: true })
  })

  it('takes back a role that the policy no longer has, and says again that it is gone', async () => {
    const [north, south, user] = [fresh('north'), fresh('south'), fresh('ann')]
    await insert([{ tenant: north, user, role: 'retired', validFromMs: Date.now() - HOUR_MS, expiresAtMs: null }])
    const revoke = (tenant: string) => house.administration.revokeRole(house.context, tenant, user, 'retired')
    expect(await revoke(north)).toMatchObject({ changed: true, record: [{ role: 'retired' }] })
    expect(await revoke(north)).toMatchObject({ changed: false, record: [] })
    await expect(revoke(south)).rejects.toMatchObject({ code: 'request_invalid', violations: [{ field: 'role' }] })
  })
})

describe('an answer that must not be older than a position', () => {
  const unreached = { code: 'position_not_reached' }

  it('is given at the position of the grant, and is an error, never a deny, one beyond', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    const { position } = await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    const at = (minPosition: number) => ({ tenant, user, permission: 'stay.read', minPosition })
    const manyAt = (minPosition: number) => ({ tenant, user, permissions: ['stay.read'], minPosition })
    const { decisions } = house

    expect(await decisions.check(at(position), NEVER)).toMatchObject({ allowed: true, position })
    await expect(decisions.check(at(position + 1), NEVER)).rejects.toMatchObject(unreached)

    expect(await decisions.checkPermissions(manyAt(position), NEVER)).toMatchObject({ allowed: [true], position })
    await expect(decisions.checkPermissions(manyAt(position + 1), NEVER)).rejects.toMatchObject(unreached)

    expect(await decisions.explain(at(position), true, NEVER)).toMatchObject({ decision: { allowed: true, position } })
    await expect(decisions.explain(at(position + 1), true, NEVER)).rejects.toMatchObject(unreached)
  })

  it('fails in a batch only the items that ask for more', async () => {
    const [tenant, user] = [fresh('north'), fresh('ann')]
    const { position } = await house.administration.grant(house.context, { tenant, user, role: 'coder' })
    const at = (minPosition?: number) => ({ tenant, user, permission: 'stay.read', ...(minPosition === undefined ? {} : { minPosition }) })
    const answers = await house.decisions.checkBatch([at(position), at(position + 1), at(), at(position + 1)], NEVER)
    expect(answers).toMatchObject([{ allowed: true, position }, unreached, { allowed: true, position }, unreached])
    expect(answers.map((answer) => answer instanceof Error)).toEqual([false, true, false, true])
  })
})
