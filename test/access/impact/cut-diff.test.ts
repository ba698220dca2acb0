/** The first message of a plan is bounded, and nothing that was cut from it passes a gate unseen. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { cutDiff, unseenFaults } from '../../../src/access/impact/cut-diff.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { ROLES_MAX } from '../../../src/model/policy-limits.ts'
import { diffPolicies } from '../../../src/policy/diff.ts'
import { randomBundle } from '../../policy/random-bundles.ts'

const NOTHING: PolicyBundle = { permissions: [], reserved: [], roles: [], constraints: [] }

/** Every list of a difference, the grants of its roles among them. */
function entries(value: unknown): number {
  const { permissions, reserved, roles, constraints } = value as ReturnType<typeof diffPolicies>
  const lists = [permissions, reserved, roles, constraints].flatMap((part): readonly (readonly unknown[])[] => Object.values(part))
  const grants = [...roles.added, ...roles.removed].reduce((sum, role) => sum + role.grants.length, 0)
  const changed = roles.changed.flatMap((role) => [role.gained, role.lost, role.changed, role.reasons])
  return [...lists, ...changed].reduce((sum, list) => sum + list.length, 0) + grants
}

describe('a difference that is cut', () => {
  it('is as short as asked, says of how much it is short, and is the same when there is room', () => {
    fc.assert(
      fc.property(randomBundle, randomBundle, fc.nat(4_000), (one, other, bytesMax) => {
        const whole = diffPolicies(one, other)
        const { diff, leftOut } = cutDiff(whole, bytesMax)
        // The empty lists of an empty difference, and what holds the lists together.
        expect(Buffer.byteLength(JSON.stringify(diff))).toBeLessThanOrEqual(bytesMax + 300)
        expect(entries(diff) + leftOut).toBe(entries(whole))
        if (leftOut === 0) expect(diff).toEqual(whole)
        expect(cutDiff(whole, 1_000_000)).toEqual({ diff: whole, leftOut: 0 })
      }),
      { numRuns: 500 },
    )
  })

  it('keeps what is beside grants when grants are what there are many of', () => {
    const grants = Array.from({ length: 5_000 }, (_, index) => ({ permission: `work.part-${index}` }))
    const role = { title: 'T', bundle: 'b', owner: 'o', assignable: 'any', grants } as const
    const tombstone = { name: 'work.gone', code: 'w.g', removed: '2026-01-01' }
    const roles = Array.from({ length: 20 }, (_, index) => ({ ...role, name: `r${index}` }))
    const { diff, leftOut } = cutDiff(diffPolicies(NOTHING, { ...NOTHING, roles, reserved: [tombstone] }), 10_000)
    expect(diff.reserved.added).toEqual([tombstone])
    expect(diff.roles.added[0]?.grants.length).toBeGreaterThan(100)
    expect(diff.roles.added.length).toBeLessThan(ROLES_MAX)
    expect(leftOut).toBeGreaterThan(19 * 5_000)
  })
})

describe('gates over a difference that was cut', () => {
  const gates = { protected: [], requireApprovalFor: [] }

  it.each([
    ['protection', { ...gates, protected: ['work.*'] }, 'protect:'],
    ['approval that nobody gave', { ...gates, requireApprovalFor: ['high'] as const }, 'approval:'],
    ['approval by nobody', { ...gates, requireApprovalFor: ['high'] as const, approved: ' ' }, 'approval:'],
  ])('refuse for %s', (_, asked, word) => {
    expect(unseenFaults(1, asked)).toEqual([expect.stringMatching(`^${word}`)])
    expect(unseenFaults(0, asked)).toEqual([])
  })

  it('let pass what needs no difference', () => {
    expect(unseenFaults(1, gates)).toEqual([])
    expect(unseenFaults(1, { ...gates, requireApprovalFor: ['high'], approved: 'anna' })).toEqual([])
  })
})
