/** The Markdown of plans that are large or hostile: it fits into a comment, and nothing in it is markup of somebody else's. */
import { describe, expect, it } from '@jest/globals'
import { MARKDOWN_BYTES_MAX, markdownPlan } from '../../src/main/plan-report/markdown.ts'
import type { Plan } from '../../src/main/plan-report/read-plan.ts'
import { diffPolicies } from '../../src/policy/diff.ts'
import { bundleOf } from '../support/house.ts'

const NONE = { gained: 0, lost: 0, widened: 0, narrowed: 0, changed: 0 }
const NOBODY: Plan['summary'] = {
  from: 'a'.repeat(64),
  to: 'b'.repeat(64),
  positionFirst: 1,
  positionLast: 1,
  pairs: 1,
  pairsAffected: 1,
  pairsDormant: 0,
  effects: NONE,
  later: NONE,
  byRole: [],
  byTenant: [],
  tenantsLeftOut: 0,
  byPermission: [],
  breaches: [],
  rolesGone: [],
  tokens: { codesToBits: 0, toOverage: 0, charactersBefore: 0, charactersAfter: 0 },
}

function planOf(summary: Partial<Plan['summary']>, after = bundleOf({})): Plan {
  const whole = { ...NOBODY, ...summary }
  const diff = diffPolicies(bundleOf({}), after)
  return { begin: { event: 'begin', from: whole.from, to: whole.to, diff, diffLeftOut: 0, changedRoles: [], pairsMax: 1 }, summary: whole }
}

const many = <Item>(count: number, make: (index: number) => Item): readonly Item[] =>
  Array.from({ length: count }, (_, index) => make(index))

describe('markdownPlan', () => {
  it('fits into a comment of GitHub whatever changes, and says how much it leaves out', () => {
    const roles = Object.fromEntries(many(3_000, (index) => [`role-of-a-long-name-${index}`, [`finance.some-thing.read`]]))
    const text = markdownPlan(
      planOf(
        {
          byRole: many(500, (index) => ({ role: `role-${index}`, pairs: 1, ...NONE })),
          byTenant: many(1_000, (index) => ({ tenant: `${'ü'.repeat(120)}${index}`, pairs: 1, ...NONE })),
          tenantsLeftOut: 7,
          byPermission: many(2_000, (index) => ({ permission: `finance.thing-${index}.read`, risk: 'high' as const, ...NONE })),
          breaches: many(500, (index) => ({ constraint: `constraint-${index}`, pairs: 1 })),
        },
        bundleOf(roles),
      ),
      { tenants: true, refused: many(300, (index) => `gate ${index}: ${'too much '.repeat(50)}`) },
    )
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MARKDOWN_BYTES_MAX)
    expect(text.length).toBeGreaterThan(MARKDOWN_BYTES_MAX / 4)
    expect(text).toMatch(/By tenant \(1007\)[\s\S]*… and \d+ more\n\n<\/details>/)
    expect(text.endsWith('Read at position 1.\n')).toBe(true)
    expect(text.match(/<details>/g)).toHaveLength(text.match(/<\/details>/g)?.length ?? -1)
  })

  it('shows names of tenants as they are, and none of them is a mention, a link, HTML or another cell', () => {
    const hostile = ['@everyone', '`@everyone`', '``` </details><img src=x>', '[a](http://b)', 'a|b', 'two\nlines', '\u001b[2J']
    const text = markdownPlan(planOf({ byTenant: hostile.map((tenant) => ({ tenant, pairs: 1, ...NONE })) }), { tenants: true })
    const cells = [...text.matchAll(/^\| (.*) \| 1 \| 0 \| 0 \| 0 \| 0 \| 0 \|$/gm)].map(([, cell]) => cell)
    expect(cells).toEqual([
      '`@everyone`',
      '`` `@everyone` ``',
      '```` ``` </details><img src=x> ````',
      '`[a](http://b)`',
      '`a\\|b`',
      '`two\\u000alines`',
      '`\\u001b[2J`',
    ])
  })

  it('keeps what gates and approvers say inside of their fence', () => {
    const text = markdownPlan(planOf({}), { tenants: false, refused: ['```\n@everyone'], approvedBy: '`@everyone`' })
    expect(text).toContain('\n````\n```\\u000a@everyone\n````\n')
    expect(text).toContain('Approved by `` `@everyone` ``')
    expect(markdownPlan(planOf({}), { tenants: false, approvedBy: 'Cleo | ticket 4711' })).toContain('Approved by `Cleo | ticket 4711`\n')
  })

  it('shows what a removed role granted, permission by permission, as it does of an added one', () => {
    const diff = diffPolicies(
      bundleOf({ desk: ['finance.payout.create', 'finance.payout.approve'] }),
      bundleOf({ till: ['finance.payout.create'] }),
    )
    const plan = planOf({})
    const text = markdownPlan({ ...plan, begin: { ...plan.begin, diff } }, { tenants: false })
    expect(text).toContain('- role desk\n-   finance.payout.approve\n-   finance.payout.create\n')
    expect(text).toContain('+ role till\n+   finance.payout.create\n')
  })

  it('says that tokens outgrow their form, and that changes were made meanwhile', () => {
    const tokens = { codesToBits: 3, toOverage: 1, charactersBefore: 990, charactersAfter: 1_200 }
    const text = markdownPlan(planOf({ tokens, positionLast: 4 }), { tenants: false })
    expect(text).toContain('Access tokens that outgrow their form: 3 from codes to bits, 1 beyond both')
    expect(text).toContain('longest codes 990 → 1200 characters.\n\nRead from position 1 to 4: changes were made meanwhile')
  })
})
