/** A plan says exactly what looking at everybody, everything and every instant in both worlds says, in random worlds on a real store. */
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { planPolicy } from '../../../src/access/impact/plan.ts'
import type { EffectCounts, EffectKind, PlanEvent, PlanSummary, SubjectBreach, SubjectEffects } from '../../../src/model/policy-plan.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { NEVER } from '../../support/house.ts'
import { openPgliteStore } from '../../support/stores.ts'
import { type NaiveEffect, naiveBreaches, naiveEffects } from './naive-plan.ts'
import { HOUR_MS, type PlanWorld, planWorld, storeWorld } from './worlds.ts'

/** Worlds per run; more by an environment variable of the person who runs it. */
const RUNS = Number(process.env['PLAN_AGREEMENT_RUNS'] ?? 200)
const KINDS: readonly EffectKind[] = ['gained', 'lost', 'widened', 'narrowed', 'changed']
const NO_BITS = { version: 0, bitOf: () => undefined }

let opened: Awaited<ReturnType<typeof openPgliteStore>>
beforeAll(async () => {
  opened = await openPgliteStore()
})
afterAll(() => opened?.close())

async function plan(world: PlanWorld, people: boolean): Promise<readonly PlanEvent[]> {
  const needs = { impact: opened.store.impact, bits: NO_BITS }
  const [before, after] = [compilePolicy(world.before), compilePolicy(world.after)]
  const events: PlanEvent[] = []
  for await (const event of planPolicy(needs, before, after, { people, pairsAtOnce: world.pairsAtOnce }, NEVER)) events.push(event)
  return events
}

const sorted = (lines: readonly unknown[]): readonly string[] => lines.map((line) => JSON.stringify(line)).sort()
const counts = (effects: readonly NaiveEffect[]): EffectCounts =>
  Object.fromEntries(KINDS.map((kind) => [kind, effects.filter((effect) => effect.kind === kind).length])) as Record<EffectKind, number>
const pairsOf = (rows: readonly { user: string; tenant: string }[]): number =>
  new Set(rows.map((row) => JSON.stringify([row.user, row.tenant]))).size

function groups<T extends object>(
  effects: readonly NaiveEffect[],
  keysOf: (effect: NaiveEffect) => readonly string[],
  row: (key: string, own: readonly NaiveEffect[]) => T,
): readonly T[] {
  return [...new Set(effects.flatMap(keysOf))].sort().map((key) =>
    row(
      key,
      effects.filter((effect) => keysOf(effect).includes(key)),
    ),
  )
}

function expectSummary(world: PlanWorld, summary: PlanSummary, changedRoles: readonly string[]): void {
  const effects = naiveEffects(world)
  const open = effects.filter((effect) => !effect.dormant)
  expect(summary.effects).toEqual(counts(open))
  expect(summary.later).toEqual(counts(open.filter((effect) => effect.from > 0)))
  expect([summary.pairsAffected, summary.pairsDormant]).toEqual([pairsOf(open), pairsOf(effects) - pairsOf(open)])
  const live = world.held.filter((row) => row.until === null || row.until > 0)
  expect(summary.pairs).toBe(pairsOf(live.filter((row) => changedRoles.includes(row.role))))
  expect(summary.byRole).toEqual(
    groups(
      open,
      (effect) => effect.roles.filter((role) => changedRoles.includes(role)),
      (role, own) => ({ role, ...counts(own), pairs: pairsOf(own) }),
    ),
  )
  expect(sorted(summary.byTenant.map(({ tenant, pairs, ...rest }) => [tenant, pairs, KINDS.map((kind) => rest[kind])]))).toEqual(
    sorted(
      groups(
        open,
        (effect) => [effect.tenant],
        (tenant, own) => [tenant, pairsOf(own), KINDS.map((kind) => counts(own)[kind])],
      ),
    ),
  )
  expect(summary.byPermission).toEqual(
    groups(
      open,
      (effect) => [effect.permission],
      (permission, own) => ({ permission, ...counts(own), risk: 'normal' }),
    ),
  )
  const names = (bundle: PlanWorld['before']): readonly string[] => bundle.roles.map((role) => role.name)
  const gone = names(world.before).filter((role) => !names(world.after).includes(role) && live.some((row) => row.role === role))
  expect(summary.rolesGone).toEqual(gone.sort().map((role) => ({ role, pairs: pairsOf(live.filter((row) => row.role === role)) })))
  const breaches = naiveBreaches(world)
  const broken = [...new Set(breaches.map((breach) => breach.constraint))].sort()
  expect(summary.breaches).toEqual(
    broken.map((constraint) => ({ constraint, pairs: breaches.filter((breach) => breach.constraint === constraint).length })),
  )
}

it('every effect and breach, and no other, nobody twice, and sums that are theirs', async () => {
  let effectsSeen = 0
  let breachesSeen = 0
  let laterSeen = 0
  await fc.assert(
    fc.asyncProperty(planWorld, async (world) => {
      const nowMs = Date.now()
      await storeWorld(opened.database, world, nowMs)
      const hourOf = (fromMs: number | undefined): number => (fromMs === undefined ? 0 : (fromMs + 1_000 - nowMs) / HOUR_MS)

      const events = await plan(world, true)
      const [begin] = events
      const end = events.at(-1)
      if (begin?.event !== 'begin' || end?.event !== 'end') throw new Error('A plan begins and ends')
      const told: readonly SubjectEffects[] = events.flatMap((event) => (event.event === 'effects' ? event.items : []))
      const broken: readonly SubjectBreach[] = events.flatMap((event) => (event.event === 'breaches' ? event.items : []))

      expect(told).toHaveLength(pairsOf(told))
      const wanted = naiveEffects(world)
      expect(
        sorted(
          told.flatMap(({ user, tenant, dormant, effects }) =>
            effects.map((effect) => [user, tenant, dormant, effect.permission, effect.kind, effect.conditional, hourOf(effect.fromMs)]),
          ),
        ),
      ).toEqual(
        sorted(
          wanted.map((effect) => [
            effect.user,
            effect.tenant,
            effect.dormant,
            effect.permission,
            effect.kind,
            effect.conditional,
            effect.from,
          ]),
        ),
      )
      expect(sorted(broken.map((breach) => [breach.user, breach.tenant, breach.constraint, hourOf(breach.fromMs)]))).toEqual(
        sorted(naiveBreaches(world).map((breach) => [breach.user, breach.tenant, breach.constraint, breach.from])),
      )
      expectSummary(world, end.summary, begin.changedRoles)
      for (const { effects } of told)
        expect(effects.map((effect) => `${effect.permission} ${effect.kind}`)).toEqual(
          effects.map((effect) => `${effect.permission} ${effect.kind}`).toSorted(),
        )
      for (const event of events) if (event.event === 'progress') expect(event.pairs).toBeLessThanOrEqual(begin.pairsMax)

      // In one page, where the other went pair by pair.
      const unnamed = await plan({ ...world, pairsAtOnce: 1_000 }, false)
      expect(new Set(unnamed.map((event) => event.event))).not.toContain('effects')
      expect(new Set(unnamed.map((event) => event.event))).not.toContain('breaches')
      expect(unnamed.at(-1)).toEqual(end)
      effectsSeen += wanted.length
      breachesSeen += broken.filter((breach) => breach.constraint !== 'temporary-only').length
      laterSeen += wanted.filter((effect) => effect.from > 0).length
    }),
    { numRuns: RUNS },
  )
  // Worlds in which nothing happens would prove nothing.
  expect(effectsSeen).toBeGreaterThan(RUNS)
  expect(laterSeen).toBeGreaterThan(RUNS / 5)
  expect(breachesSeen).toBeGreaterThan(RUNS / 20)
})
