/** What gates refuse, in which words; and what passes. */
import { describe, expect, it } from '@jest/globals'
import { type Gates, gateFaults } from '../../../src/access/impact/gates.ts'
import type { Constraint, PolicyBundle, RoleEntry, RoleGrant } from '../../../src/model/policy.ts'
import type { EffectCounts, PlanSummary } from '../../../src/model/policy-plan.ts'
import { diffPolicies } from '../../../src/policy/diff.ts'
import { bundleOf } from '../../support/house.ts'

const NONE: EffectCounts = { gained: 0, lost: 0, widened: 0, narrowed: 0, changed: 0 }
const QUIET = { effects: NONE, byPermission: [] }
const NO_GATES: Gates = { protected: [], requireApprovalFor: [] }

const plain = bundleOf({ payer: ['finance.pay', 'work.read'], clerk: ['work.read'], spare: ['work.write'] })
const BEFORE: PolicyBundle = {
  ...plain,
  permissions: plain.permissions.map((permission) => ({
    ...permission,
    ...(permission.name === 'finance.pay' ? { risk: 'high', code: 'f.p' } : {}),
    attributes: { site: 'string' },
  })),
}
const granting = (role: string, ...grants: readonly RoleGrant[]): PolicyBundle => ({
  ...BEFORE,
  roles: BEFORE.roles.map((entry) => (entry.name === role ? { ...entry, grants } : entry)),
})
const changing = (name: string, change: Partial<PolicyBundle['permissions'][number]>): PolicyBundle => ({
  ...BEFORE,
  permissions: BEFORE.permissions.map((entry) => (entry.name === name ? { ...entry, ...change } : entry)),
})
const faults = (
  after: PolicyBundle,
  gates: Partial<Gates>,
  summary: Pick<PlanSummary, 'effects' | 'byPermission'> = QUIET,
  before = BEFORE,
) => gateFaults(diffPolicies(before, after), summary, { ...NO_GATES, ...gates }, after)

const PAY: RoleGrant = { permission: 'finance.pay' }
const NORTH: RoleGrant = { ...PAY, when: { site: { $eq: 'north' } } }
const SOUTH: RoleGrant = { ...PAY, when: { site: { $eq: 'south' } } }

describe('counts', () => {
  const effects = { gained: 4, lost: 3, widened: 1, narrowed: 2, changed: 5 }

  it('what is lost, narrowed or changed is a loss; what is gained, widened or changed is a gain; as many as allowed pass', () => {
    expect(faults(BEFORE, { maxLost: 10, maxGained: 10 }, { ...QUIET, effects })).toEqual([])
    expect(faults(BEFORE, { maxLost: 9, maxGained: 7 }, { ...QUIET, effects })).toEqual([
      'max-lost: people would lose 10 (3 lost, 2 narrowed, 5 changed), 1 more than the 9 allowed. Split the change, or allow 10 if that is meant.',
      'max-gained: people would gain 10 (4 gained, 1 widened, 5 changed), 3 more than the 7 allowed. Split the change, or allow 10 if that is meant.',
    ])
  })

  it('none is allowed by a limit of 0, and no limit allows all', () => {
    expect(faults(BEFORE, { maxLost: 0 }, { ...QUIET, effects: { ...NONE, lost: 1 } })).toHaveLength(1)
    expect(faults(BEFORE, {}, { ...QUIET, effects: { ...NONE, lost: 1_000_000 } })).toEqual([])
  })
})

describe('protected permissions', () => {
  it.each(['finance.pay', 'f.p', 'finance.*'])('%s is refused when a role changes its grant, held or not', (pattern) => {
    expect(faults(granting('spare', { permission: 'work.write' }, PAY), { protected: [pattern] })).toEqual([
      `protected ${pattern}: role spare gains finance.pay. Leave it as it is, or lift the protection for this change.`,
    ])
    expect(faults(granting('payer', { permission: 'work.read' }), { protected: [pattern] })[0]).toContain('role payer loses finance.pay')
    expect(faults(granting('payer', NORTH, { permission: 'work.read' }), { protected: [pattern] })[0]).toContain(
      'role payer changes its conditions for finance.pay',
    )
  })

  it('what happens to people in it is told', () => {
    const byPermission = [{ permission: 'finance.pay', ...NONE, lost: 2, changed: 1, risk: 'high' as const }]
    expect(faults(BEFORE, { protected: ['finance.*'] }, { ...QUIET, byPermission })).toEqual([
      'protected finance.*: people are touched in finance.pay: 2 lost and 1 changed. Leave it as it is, or lift the protection for this change.',
    ])
  })

  it('its end, its new name and its being disabled are refused, although no role says otherwise', () => {
    const without: PolicyBundle = { ...granting('payer'), permissions: BEFORE.permissions.filter(({ name }) => name !== 'finance.pay') }
    expect(faults(without, { protected: ['f.p'] })[0]).toContain('finance.pay is removed')
    expect(faults(changing('finance.pay', { stage: 'disabled' }), { protected: ['f.p'] })[0]).toContain(
      'stage of finance.pay is "disabled" instead of "active"',
    )
    const renamed = JSON.parse(JSON.stringify(BEFORE).replaceAll('finance.pay', 'money.pay')) as PolicyBundle
    expect(faults(renamed, { protected: ['finance.*'] })[0]).toContain('finance.pay (f.p) becomes money.pay (f.p)')
  })

  it('a prefix ends at a dot, and what is not protected may change', () => {
    expect(faults(granting('payer', { permission: 'work.read' }), { protected: ['fin.*', 'finance.pa', 'finance', 'work.write'] })).toEqual(
      [],
    )
    expect(faults(changing('finance.pay', { title: 'Other' }), { protected: ['finance.*'] })).toEqual([])
  })

  it('names no more than a few of many reasons', () => {
    const many = Array.from({ length: 30 }, (_, index) => `role-${index}`)
    const after: PolicyBundle = {
      ...BEFORE,
      roles: [...BEFORE.roles, ...bundleOf(Object.fromEntries(many.map((role) => [role, ['finance.pay']]))).roles],
    }
    const [fault = ''] = faults(after, { protected: ['finance.*'] })
    expect(fault).toContain('; and 20 more. Leave it')
    expect(fault.match(/gains/g)).toHaveLength(10)
  })
})

const DAY_MS = 86_400_000
const WORK: RoleGrant = { permission: 'work.read' }
type Duty = Extract<Constraint, { type: 'separation-of-duty' }>
const DUTY: Duty = { id: 'four-eyes', type: 'separation-of-duty', permissions: ['finance.pay', 'work.read', 'work.write'], max: 1 }
const PLACES: Duty = { ...DUTY, tenants: ['acme', 'north-*'] }
const ruled = (...constraints: readonly Constraint[]): PolicyBundle => ({ ...BEFORE, constraints })
const payer = (change: Partial<RoleEntry>): PolicyBundle => ({
  ...BEFORE,
  roles: BEFORE.roles.map((entry) => (entry.name === 'payer' ? { ...entry, ...change } : entry)),
})
const LENT = payer({ assignable: 'temporary', maxGrantMs: 14 * DAY_MS })

describe('rules beside grants', () => {
  const gates = { protected: ['f.p'], requireApprovalFor: ['high'] } as const
  const told = (after: PolicyBundle, before: PolicyBundle): readonly string[] =>
    faults(after, gates, QUIET, before).map((fault) => fault.replace(/\. (Leave|Have) it.*/, ''))
  const cases: readonly (readonly [string, PolicyBundle, PolicyBundle, string, 'approval too' | 'no approval'])[] = [
    ['a constraint is removed', ruled(DUTY), ruled(), 'constraint four-eyes is removed', 'approval too'],
    ['it allows more at once', ruled(DUTY), ruled({ ...DUTY, max: 2 }), 'constraint four-eyes says something else', 'approval too'],
    [
      'it names fewer',
      ruled(DUTY),
      ruled({ ...DUTY, permissions: ['finance.pay', 'work.read'] }),
      'constraint four-eyes says something else',
      'approval too',
    ],
    [
      'it names others',
      ruled(DUTY),
      ruled({ ...DUTY, permissions: ['work.write', 'work.read'] }),
      'constraint four-eyes says something else',
      'approval too',
    ],
    ['it holds in fewer tenants', ruled(DUTY), ruled(PLACES), 'constraint four-eyes says something else', 'approval too'],
    [
      'it holds in others',
      ruled(PLACES),
      ruled({ ...PLACES, tenants: ['acme'] }),
      'constraint four-eyes says something else',
      'approval too',
    ],
    [
      'it becomes one of another kind',
      ruled(DUTY),
      ruled({ id: DUTY.id, type: 'max-roles-per-tenant', max: 1 }),
      'constraint four-eyes says something else',
      'approval too',
    ],
    ['a constraint is added', ruled(), ruled(DUTY), 'constraint four-eyes is added', 'no approval'],
    ['it allows fewer at once', ruled({ ...DUTY, max: 2 }), ruled(DUTY), 'constraint four-eyes says something else', 'no approval'],
    ['it holds in more tenants', ruled(PLACES), ruled(DUTY), 'constraint four-eyes says something else', 'no approval'],
    [
      'it has another name',
      ruled(DUTY),
      ruled({ ...DUTY, id: 'two-people' }),
      'constraint four-eyes is removed; constraint two-people is added',
      'no approval',
    ],
    [
      'a role may be held for ever',
      LENT,
      BEFORE,
      'assignable of role payer is "any" instead of "temporary"; maxGrant of role payer is "none" instead of "14 days"',
      'approval too',
    ],
    [
      'it may be held for longer',
      LENT,
      payer({ assignable: 'temporary', maxGrantMs: 15 * DAY_MS }),
      'maxGrant of role payer is "15 days" instead of "14 days"',
      'approval too',
    ],
    [
      'it may be held for any time',
      LENT,
      payer({ assignable: 'temporary' }),
      'maxGrant of role payer is "none" instead of "14 days"',
      'approval too',
    ],
    [
      'it may be held for less',
      LENT,
      payer({ assignable: 'temporary', maxGrantMs: 36 * 3_600_000 }),
      'maxGrant of role payer is "1 day 12 hours" instead of "14 days"',
      'no approval',
    ],
    [
      'it is for a time only',
      BEFORE,
      payer({ assignable: 'temporary' }),
      'assignable of role payer is "temporary" instead of "any"',
      'no approval',
    ],
  ]

  it.each(cases)('%s: what is protected is refused; approval is asked for when more is possible', (_, before, after, words, approval) => {
    expect(told(after, before)).toEqual([
      `protected f.p: ${words}`,
      ...(approval === 'approval too' ? [`approval for risk:high: ${words}`] : []),
    ])
  })

  it('of other permissions pass', () => {
    const others = { protected: ['work.write'], requireApprovalFor: ['low'] } as const
    expect(faults(BEFORE, others, QUIET, LENT)).toEqual([])
    expect(faults(ruled(), others, QUIET, ruled({ ...DUTY, permissions: ['finance.pay', 'work.read'] }))).toEqual([])
  })

  it('of a permission that the role loses with them are told of it, and need no approval: nobody gets it for longer', () => {
    const after = { ...BEFORE, roles: BEFORE.roles.map((role) => (role.name === 'payer' ? { ...role, grants: [WORK] } : role)) }
    expect(told(after, LENT)).toEqual([expect.stringContaining('assignable of role payer')])
  })

  it('follow a permission to its new name', () => {
    const renamed = JSON.parse(JSON.stringify(ruled(DUTY)).replaceAll('finance.pay', 'money.pay')) as PolicyBundle
    expect(told(renamed, ruled(DUTY))[1]).not.toContain('four-eyes')
    expect(told({ ...renamed, constraints: [] }, ruled(DUTY))[1]).toContain('constraint four-eyes is removed')
  })
})

describe('approval', () => {
  const requireApprovalFor = ['high'] as const

  it('a role that gains such a permission needs it, held or not, and it is enough', () => {
    const after = granting('spare', PAY)
    expect(faults(after, { requireApprovalFor })).toEqual([
      'approval for risk:high: role spare gains finance.pay. Have it approved, and say by whom.',
    ])
    expect(faults(after, { requireApprovalFor, approved: 'Cleo, ticket 4711' })).toEqual([])
    expect(faults(after, { requireApprovalFor, approved: '  ' })).toHaveLength(1)
    expect(
      faults(
        { ...BEFORE, roles: [...BEFORE.roles, { ...(BEFORE.roles[0] as (typeof BEFORE.roles)[0]), name: 'new', grants: [PAY] }] },
        { requireApprovalFor },
      ),
    ).toHaveLength(1)
  })

  it('fewer conditions and further alternatives need it; a loss and a further condition do not', () => {
    expect(faults(granting('payer', PAY), { requireApprovalFor }, QUIET, granting('payer', NORTH))[0]).toContain(
      'role payer has no condition any more for finance.pay',
    )
    expect(faults(granting('payer', NORTH, SOUTH), { requireApprovalFor }, QUIET, granting('payer', NORTH))[0]).toContain(
      'role payer changes its conditions for finance.pay',
    )
    expect(faults(granting('payer', NORTH), { requireApprovalFor }, QUIET, granting('payer', NORTH, SOUTH))).toEqual([])
    expect(faults(granting('payer', NORTH), { requireApprovalFor })).toEqual([])
    expect(faults(granting('payer'), { requireApprovalFor })).toEqual([])
  })

  it('lowering the risk in the same candidate is no way around it', () => {
    const lowered = (bundle: PolicyBundle): PolicyBundle => ({
      ...bundle,
      permissions: changing('finance.pay', { risk: 'low' }).permissions,
    })
    expect(faults(lowered(granting('spare', PAY)), { requireApprovalFor })).toHaveLength(1)
    expect(faults(lowered(BEFORE), { requireApprovalFor })).toEqual([])
  })

  it('a disabled one that is enabled, and one that comes under a new name, need it', () => {
    expect(faults(BEFORE, { requireApprovalFor }, QUIET, changing('finance.pay', { stage: 'disabled' }))[0]).toContain(
      'finance.pay is no longer disabled',
    )
    const renamed = JSON.parse(JSON.stringify(BEFORE).replaceAll('finance.pay', 'money.pay')) as PolicyBundle
    expect(faults(renamed, { requireApprovalFor })[0]).toContain('money.pay is a new name of finance.pay')
  })

  it('of another risk it is not asked for', () => {
    expect(faults(granting('spare', PAY), { requireApprovalFor: ['low'] })).toEqual([])
    expect(faults(granting('clerk', { permission: 'work.write' }), { requireApprovalFor: ['normal', 'high'] })).toEqual([
      'approval for risk:normal: role clerk gains work.write. Have it approved, and say by whom.',
    ])
  })
})
