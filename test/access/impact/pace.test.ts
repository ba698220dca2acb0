/** A plan lets others run: also within one pair, and one set of roles is judged once however many hold it. Steps are counted, not time. */
import { expect, it } from '@jest/globals'
import { RuleIndex } from '../../../src/access/impact/broken-rules.ts'
import { Pace } from '../../../src/access/impact/pace.ts'
import { findPairBreaches } from '../../../src/access/impact/pair-breaches.ts'
import { instantsOf } from '../../../src/access/impact/pair-effects.ts'
import { planPolicy } from '../../../src/access/impact/plan.ts'
import { SetBreaches } from '../../../src/access/impact/set-breaches.ts'
import type { Constraint, PolicyBundle } from '../../../src/model/policy.ts'
import { PLAN_BREACH_PARTS_MAX, PLAN_STEPS_AT_ONCE_MAX } from '../../../src/model/policy-limits.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import type { ImpactReader, LivePair } from '../../../src/store/ports.ts'
import { bundleOf, NEVER } from '../../support/house.ts'

const NOW_MS = 1_800_000_000_000

class CountedPace extends Pace {
  readonly runs: number[] = [0]

  override took(steps: number): boolean {
    this.runs.push((this.runs.pop() ?? 0) + steps)
    return super.took(steps)
  }

  override async rest(): Promise<void> {
    this.runs.push(0)
    await super.rest()
  }

  get steps(): number {
    return this.runs.reduce((sum, run) => sum + run, 0)
  }
}

const ROLES = Array.from({ length: 50 }, (_, index) => `role-${index}`)
const BEFORE = bundleOf(Object.fromEntries(ROLES.map((role, index) => [role, [`work.part-${index}`, `work.part-${index + 50}`]])))
const NAMES = BEFORE.permissions.map((permission) => permission.name)
const RULES = Array.from(
  { length: 100 },
  (_, index): Constraint => ({ id: `rule-${index}`, type: 'separation-of-duty', permissions: NAMES, max: 1 }),
)
const AFTER: PolicyBundle = { ...BEFORE, constraints: RULES }
const [before, after] = [compilePolicy(BEFORE), compilePolicy(AFTER)]

/** As many windows as a pair may have, each with a begin and an end of its own. */
function crowded(user: string): LivePair {
  const assignments = Array.from({ length: 200 }, (_, index) => ({
    ...{ id: `${user}-${index}`, role: `role-${index % 50}` },
    ...{ validFromMs: NOW_MS + 1_000 * (index + 1), expiresAtMs: NOW_MS + 1_000_000 + 1_000 * index },
  }))
  return { tenant: 't', user, tenantSuspended: false, userActive: true, tenantAttributes: {}, userAttributes: {}, assignments }
}

it('one pair with many windows under many rules has turns for others within it, and the next one with the same sets costs little', async () => {
  const pace = new CountedPace(NEVER)
  const needs = { before, after, sets: new SetBreaches(before, after, new Map(), pace), pace }
  const pair = crowded('ann')
  const instants = instantsOf(pair, NOW_MS)
  expect(await findPairBreaches(pair, instants, needs)).toHaveLength(RULES.length)
  const first = pace.steps
  expect(first).toBeGreaterThan(10 * PLAN_STEPS_AT_ONCE_MAX)
  expect(await findPairBreaches(crowded('bob'), instants, needs)).toHaveLength(RULES.length)
  expect(pace.steps - first).toBeLessThan(first / 5)
  expect(Math.max(...pace.runs)).toBeLessThan(PLAN_STEPS_AT_ONCE_MAX * 1.1)
})

it('a set looks only at rules that name what it grants', async () => {
  const apart = RULES.map((rule, index) => ({ ...rule, permissions: [`work.part-${index}`, `work.part-${(index + 1) % 100}`] }))
  const pace = new CountedPace(NEVER)
  const index = new RuleIndex(compilePolicy({ ...BEFORE, constraints: apart }), pace)
  const broken = await index.broken(['role-0', 'role-1'])
  expect(broken.rules.map((rule) => rule.id).sort()).toEqual(['rule-0', 'rule-50'])
  expect(pace.steps).toBeLessThan(20)
})

it('others have many turns while a plan looks at one pair', async () => {
  let turns = 0
  let running = true
  const count = (): void => {
    turns += 1
    if (running) setImmediate(count)
  }
  const impact: ImpactReader = {
    listLiveRoles: async () => ROLES,
    countLive: async () => 1,
    listLivePairs: async (role) => ({ position: 1, readAtMs: NOW_MS, pairs: role === 'role-0' ? [crowded('ann')] : [] }),
    listHeldSets: async () => ({ sets: [], next: undefined }),
  }
  const seen: number[] = []
  for await (const event of planPolicy({ impact, bits: { version: 0, bitOf: () => undefined } }, before, after, { people: false }, NEVER)) {
    if (event.event === 'begin') setImmediate(count)
    if (event.event === 'progress') seen.push(turns)
  }
  running = false
  expect(seen[0]).toBeGreaterThan(10)
})

it('a breach of a long rule names the first of what is held together, and how many more', async () => {
  const broken = await new RuleIndex(after, new Pace(NEVER)).broken(ROLES)
  const message = broken.messageOf(RULES[0] as Constraint)
  expect(message).toMatch(/^work\.part-0 \(by role-0\) and .+ and 80 more would be held together; at most 1 of them$/)
  expect(message.split(' and ')).toHaveLength(PLAN_BREACH_PARTS_MAX + 1)
})
