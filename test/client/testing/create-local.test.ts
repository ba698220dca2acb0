/** The engine in process answers as the service does, on the same files and facts. */
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createLocal, type Local, type LocalSettings } from '../../../src/client/testing/create-local.ts'
import type { Grant } from '../../../src/client/testing/local-facts.ts'
import type { AppError } from '../../../src/ground/errors.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'
import type { Attributes } from '../../../src/model/condition.ts'
import { ASSIGNMENTS_PER_PAIR_MAX } from '../../../src/model/limits.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { loadPolicy } from '../../../src/policy/load.ts'
import { type House, openHouse } from '../../support/house.ts'

const POLICIES = join(packageRoot(), 'policies')
const ANN = { user: 'ann', tenant: 'acme' }
const DAY_MS = 86_400_000

/** What it throws, or answers. */
function said(make: () => unknown): unknown {
  try {
    return make()
  } catch (fault) {
    return fault
  }
}

describe('createLocal', () => {
  let local: Local
  beforeEach(async () => {
    local = await createLocal({ policies: POLICIES, now: '2027-03-01T08:00:00Z' })
  })

  it('knows nobody until it is told, and says why not in the words of the service', async () => {
    expect(await local.check({ ...ANN, permission: 'sales.quote.create' })).toMatchObject({ allowed: false, reason: 'UNKNOWN_TENANT' })
    local.grant({ ...ANN, role: 'salesperson' })
    expect(await local.check({ ...ANN, permission: 'sales.quote.create' })).toMatchObject({
      ...{ allowed: true, reason: 'ROLE', via: ['salesperson'] },
      policyRevision: local.policyRevision,
    })
    expect(await local.check({ ...ANN, permission: 'sales.quote.crate' })).toMatchObject({
      ...{ allowed: false, reason: 'UNKNOWN_PERMISSION' },
      hint: 'did you mean "sales.quote.create"?',
    })
    const resource = { amount: 12_000, discountPercent: 0 }
    expect(await local.check({ ...ANN, permission: 'sales.quote.send', resource })).toMatchObject({ reason: 'CONDITION_FAILED' })
  })

  it('opens and closes a window when the clock of the test passes its ends', async () => {
    local.grant({ ...ANN, role: 'finance-cover', from: '2027-03-02T08:00:00Z', until: '2027-03-03T08:00:00Z' })
    const reason = async () => (await local.check({ ...ANN, permission: 'finance.payout.create' })).reason
    expect(await reason()).toBe('NOT_YET_VALID')
    local.setNow('2027-03-02T08:00:00Z')
    expect(await local.check({ ...ANN, permission: 'finance.payout.create' })).toMatchObject({
      reason: 'TEMPORARY_GRANT',
      validUntil: new Date('2027-03-03T08:00:00Z'),
    })
    local.advance(DAY_MS - 1)
    expect(await reason()).toBe('TEMPORARY_GRANT')
    local.advance(1)
    expect(await reason()).toBe('ASSIGNMENT_EXPIRED')
  })

  it('takes only grants that an administrator could make', () => {
    expect(said(() => local.grant({ ...ANN, role: 'salesprson' }))).toMatchObject({ name: 'InvalidRequestError', code: 'request_invalid' })
    expect(String(said(() => local.grant({ ...ANN, role: 'salesprson' })))).toContain('did you mean "salesperson"?')
    expect(said(() => local.grant({ ...ANN, role: 'finance-cover' }))).toMatchObject({ code: 'constraint_violated' })
    expect(said(() => local.grant({ ...ANN, role: 'salesperson', until: '2027-04-01' }))).toMatchObject({
      violations: [{ field: 'until' }],
    })
    expect(said(() => local.grant({ user: '', tenant: 'acme', role: 'salesperson' }))).toMatchObject({ violations: [{ field: 'user' }] })
  })

  it('holds a grant against those that are live when it is made, and no other', () => {
    const [clerk, approver] = [{ ...ANN, role: 'finance-clerk' } as const, { ...ANN, role: 'finance-approver' } as const]
    local.grant({ ...clerk, until: '2027-03-02T08:00:00Z' })
    expect(() => local.grant(approver)).toThrow(/payout-four-eyes/)
    local.advance(DAY_MS)
    expect(local.grant(approver)).toBeGreaterThan(0)
  })

  it('counts only what is live against the limit of one pair', () => {
    const agent = { ...ANN, role: 'agent' }
    const startMs = Date.parse('2027-03-01T08:00:00Z')
    for (let n = 1; n <= ASSIGNMENTS_PER_PAIR_MAX; n += 1) local.grant({ ...agent, until: new Date(startMs + n) })
    expect(said(() => local.grant(agent))).toMatchObject({ code: 'constraint_violated' })
    local.advance(1)
    expect(local.grant(agent)).toBeGreaterThan(0)
  })

  it.each([
    ['a text', 'north'],
    ['null', null],
    ['a list', ['north']],
    ['more than the service keeps', { note: 'x'.repeat(9_000) }],
    ['more than any request may have', { note: 'x'.repeat(1_200_000) }],
    ['a function', { facilities: () => ['north'] }],
    ['a number that is none', { level: Number.NaN }],
    ['a moment that is none', { since: new Date(Number.NaN) }],
    ['a map', { facilities: new Map([['north', true]]) }],
  ])('takes no attributes that the service would refuse: %s', (_what, attributes) => {
    const refused = { name: 'InvalidRequestError', code: 'request_invalid', violations: [{ field: expect.stringMatching(/^attributes/) }] }
    expect(said(() => local.putUser({ user: 'ann', attributes: attributes as Attributes }))).toMatchObject(refused)
    expect(said(() => local.putTenant({ tenant: 'acme', attributes: attributes as Attributes }))).toMatchObject(refused)
  })

  it('keeps attributes as they were when it was told', async () => {
    const regions = ['north']
    const question = { ...ANN, permission: 'sales.quote.approve', resource: { amount: 1, region: 'south', createdBy: 'ben' } }
    local.grant({ ...ANN, role: 'sales-manager' })
    local.putUser({ user: 'ann', attributes: { regions } })
    regions.push('south')
    expect(await local.check(question)).toMatchObject({ allowed: false, reason: 'CONDITION_FAILED' })
    local.putUser({ user: 'ann', attributes: { regions } })
    expect(await local.check(question)).toMatchObject({ allowed: true })
  })

  it.each([
    '2027-02-30T08:00:00Z',
    '2027-03-01 08:00:00Z',
    '2027-03-01T08:00:00',
    '2027-03-01T24:00:00Z',
    '1969-01-01T00:00:00Z',
    'now',
    new Date(Number.NaN),
  ])('takes no moment that the service would refuse: %s', (moment) => {
    const grant = { ...ANN, role: 'finance-cover' }
    expect(said(() => local.grant({ ...grant, until: moment }))).toMatchObject({ violations: [{ field: 'until' }] })
    expect(said(() => local.grant({ ...grant, from: moment }))).toMatchObject({ violations: [{ field: 'from' }] })
    expect(said(() => local.setNow(moment))).toMatchObject({ violations: [{ field: 'now' }] })
  })

  it('takes no field that it does not know: a misspelt end would be a role without one', () => {
    const misspelt = { ...ANN, role: 'salesperson', untill: '2027-03-02T08:00:00Z' }
    expect(said(() => local.grant(misspelt))).toMatchObject({
      violations: [{ field: 'untill', message: 'is not known; did you mean "until"?' }],
    })
    expect(said(() => local.putUser({ user: 'ann', deactivated: 'no' as unknown as boolean }))).toMatchObject({
      violations: [{ field: 'deactivated', message: 'must be true or false' }],
    })
    expect(said(() => local.revoke({ ...ANN } as unknown as Grant))).toMatchObject({
      violations: [{ field: 'role', message: 'is required' }],
    })
  })

  it('reads its own changes by their position, and refuses one that is yet to come', async () => {
    const position = local.grant({ ...ANN, role: 'salesperson' })
    const question = { ...ANN, permission: 'sales.quote.create' }
    expect(await local.can(question, { minPosition: position })).toBe(true)
    await expect(local.can(question, { minPosition: position + 1 })).rejects.toMatchObject({
      ...{ name: 'UnavailableError', code: 'position_not_reached' },
    })
  })

  it('takes the tokens that it gave, until they are over', async () => {
    local.grant({ ...ANN, role: 'salesperson' })
    const [accessToken, other] = [local.logIn(ANN), local.logIn({ user: 'ann' })]
    const reason = async (token: string, tenant?: string) =>
      (await local.check({ accessToken: token, permission: 'sales.quote.create', ...(tenant === undefined ? {} : { tenant }) })).reason
    expect(await reason(accessToken)).toBe('ROLE')
    expect(await reason(other, 'acme')).toBe('ROLE')
    await expect(reason(other)).rejects.toMatchObject({ violations: [{ field: 'tenant' }] })
    expect(await reason('another')).toBe('TOKEN_INVALID')
    local.logOut(other)
    expect(await reason(other, 'acme')).toBe('TOKEN_REVOKED')
    local.putUser({ user: 'ann', deactivated: true })
    expect(await reason(accessToken)).toBe('ACCOUNT_DEACTIVATED')
    local.putUser({ user: 'ann', deactivated: false })
    expect(await reason(accessToken)).toBe('TOKEN_REVOKED')
  })

  it('says what is wrong with a question in the words of a client of the service', async () => {
    local.grant({ ...ANN, role: 'salesperson' })
    const question = { ...ANN, permission: 'sales.quote.send', resource: { amount: 'much', discountPercent: 0 } }
    const refused = {
      ...{ name: 'InvalidRequestError', code: 'request_invalid', message: 'The question is wrong: resource.amount.' },
      violations: [{ field: 'resource.amount' }],
    }
    await expect(local.check(question)).rejects.toMatchObject(refused)
    await expect(local.checkAll([question])).rejects.toMatchObject(refused)
  })

  it('names each fault of the policy files', async () => {
    const broken = createLocal({ policies: [{ name: 'roles.yaml', text: 'kind: RoleBundel\n' }] })
    await expect(broken).rejects.toMatchObject({ name: 'InvalidRequestError', code: 'policy_invalid' })
    await expect(broken).rejects.toThrow(/roles\.yaml:1:/)
  })

  it.each([
    [undefined, 'settings'],
    [{}, 'policies'],
    [{ policies: [] }, 'policies'],
    [{ policies: ['roles.yaml'] }, 'policies'],
    [{ policies: 7 }, 'policies'],
    [{ policy: POLICIES }, 'policy'],
  ])('names the setting that is wrong: %j', async (settings, field) => {
    await expect(createLocal(settings as unknown as LocalSettings)).rejects.toMatchObject({
      ...{ name: 'InvalidRequestError', code: 'request_invalid', violations: [{ field }] },
    })
  })

  it('names the folder that is not there', async () => {
    await expect(createLocal({ policies: './nope' })).rejects.toMatchObject({
      ...{ name: 'InvalidRequestError', code: 'policy_invalid', message: expect.stringContaining('"./nope"') },
    })
  })
})

describe('createLocal beside the service', () => {
  let house: House
  let bundle: PolicyBundle
  beforeAll(async () => {
    bundle = (await loadPolicy(POLICIES)).bundle as PolicyBundle
    house = await openHouse(bundle)
  })
  afterAll(() => house.close())

  /** On the database's clock, which is the machine's: the past is over and the future is to come all through the test. */
  const baseMs = Date.now()
  const users = fc.constantFrom('ann', 'ben', 'nobody')
  const tenants = fc.constantFrom('acme', 'north', 'nowhere')
  const subject = fc.record({ user: fc.constantFrom('ann', 'ben'), tenant: fc.constantFrom('acme', 'north') })
  const window = fc.constantFrom(
    {},
    { until: new Date(baseMs + 5 * DAY_MS) },
    { from: new Date(baseMs - DAY_MS), until: new Date(baseMs + DAY_MS) },
    { from: new Date(baseMs + DAY_MS), until: new Date(baseMs + 2 * DAY_MS) },
    { from: new Date(baseMs - 2 * DAY_MS), until: new Date(baseMs - DAY_MS) },
  )
  const resource = fc.option(
    fc.record(
      {
        amount: fc.constantFrom<unknown>(10, 10_000, 12_000, 'much'),
        discountPercent: fc.constantFrom(0, 15, 20),
        ownerId: users,
        facility: fc.constantFrom('north', 'south'),
        id: fc.constantFrom('q-1', 'q-2'),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  )

  it('gives the same answers, reasons, roles, windows, hints and refusals on any facts', async () => {
    const roles = fc.constantFrom(...bundle.roles.map(({ name }) => name), 'salesprson')
    const permissions = fc.constantFrom(...bundle.permissions.flatMap(({ name, code }) => [name, code]), 'sales.quote.crate')
    const change = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('grant' as const), subject, role: roles, window }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), subject, role: roles }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('user' as const), subject, off: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('tenant' as const), subject, off: fc.boolean() }) },
    )
    const question = fc.record({ user: users, tenant: tenants, permission: permissions, resource })
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        fc.array(question, { minLength: 1, maxLength: 10 }),
        async (changes, questions) => {
          const local = await createLocal({ policies: POLICIES })
          await house.clear()
          for (const one of changes) {
            const [here, there] = [await codeOf(async () => apply(local, one)), await codeOf(() => applyToHouse(house, one))]
            expect([one, here]).toEqual([one, there])
          }
          for (const { resource: thing, ...asked } of questions) {
            const whole = { ...asked, ...(thing === undefined ? {} : { resource: thing }) }
            const here = await answerOf(() => local.check(whole))
            expect([whole, here]).toEqual([whole, await answerOf(() => house.check(asked.user, asked.tenant, asked.permission, thing))])
          }
          const held = await local.listPermissions(ANN)
          const listed = await house.decisions.listPermissions(ANN.user, ANN.tenant, new AbortController().signal)
          expect([held.permissions, held.denied]).toEqual([listed.permissions, listed.denied])
        },
      ),
      { numRuns: 20 },
    )
  })
})

type Change = { readonly subject: { readonly user: string; readonly tenant: string } } & (
  | { readonly kind: 'grant'; readonly role: string; readonly window: { readonly from?: Date; readonly until?: Date } }
  | { readonly kind: 'revoke'; readonly role: string }
  | { readonly kind: 'user' | 'tenant'; readonly off: boolean }
)

function apply(local: Local, change: Change): unknown {
  const { user, tenant } = change.subject
  if (change.kind === 'grant') return local.grant({ user, tenant, role: change.role, ...change.window })
  if (change.kind === 'revoke') return local.revoke({ user, tenant, role: change.role })
  if (change.kind === 'user') return local.putUser({ user, attributes: { facilities: ['north'] }, deactivated: change.off })
  return local.putTenant({ tenant, attributes: { mainFacility: 'north' }, suspended: change.off })
}

async function applyToHouse({ administration, context }: House, change: Change): Promise<unknown> {
  const { user, tenant } = change.subject
  if (change.kind === 'grant') {
    const { from, until } = change.window
    return administration.grant(context, {
      ...{ user, tenant, role: change.role },
      ...(from === undefined ? {} : { validFromMs: from.getTime() }),
      ...(until === undefined ? {} : { expiresAtMs: until.getTime() }),
    })
  }
  if (change.kind === 'revoke') return administration.revokeRole(context, tenant, user, change.role)
  if (change.kind === 'user') {
    await administration.putUser(context, { user, attributes: { facilities: ['north'] } })
    return change.off ? administration.deactivateUser(context, user) : administration.reactivateUser(context, user)
  }
  await administration.putTenant(context, { tenant, attributes: { mainFacility: 'north' } })
  return change.off ? administration.suspendTenant(context, tenant) : administration.resumeTenant(context, tenant)
}

async function codeOf(change: () => Promise<unknown>): Promise<string> {
  try {
    await change()
    return 'made'
  } catch (fault) {
    return String((fault as { readonly code?: string }).code)
  }
}

interface Told {
  readonly allowed: boolean
  readonly reason: string
  readonly via: readonly string[]
  readonly hint?: string
}

/** What of an answer both sides say in the same form. */
async function answerOf(
  ask: () => Promise<
    Told & { readonly validUntil?: Date; readonly validUntilMs?: number; readonly validFrom?: Date; readonly validFromMs?: number }
  >,
): Promise<unknown> {
  try {
    const { allowed, reason, via, hint, ...windows } = await ask()
    const validUntil = windows.validUntil?.getTime() ?? windows.validUntilMs
    const validFrom = windows.validFrom?.getTime() ?? windows.validFromMs
    return { allowed, reason, via, hint, validUntil, validFrom }
  } catch (fault) {
    const { code, violations } = fault as Pick<AppError, 'code' | 'violations'>
    return { code, violations }
  }
}
