import { describe, expect, it } from '@jest/globals'
import { findBreach, findNewBreach } from '../../src/access/constraints.ts'
import type { Constraint } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { bundleOf } from '../support/house.ts'

const fourEyes: Constraint = { id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 }
const oneRole: Constraint = { id: 'one-role', type: 'max-roles-per-tenant', max: 1, tenants: ['hospital-*'] }
const policy = compilePolicy({
  ...bundleOf({ maker: ['pay.create'], checker: ['pay.approve'], reader: ['pay.view'] }),
  constraints: [fourEyes, oneRole],
})
const window = (role: string, validFromMs: number, expiresAtMs: number | null = null) => ({ role, validFromMs, expiresAtMs })

describe('constraints over windows', () => {
  it('finds two duties held together only where their windows overlap', () => {
    expect(findBreach(policy, 'acme', [window('maker', 0, 100), window('checker', 100, 200)], 0)).toBeUndefined()
    expect(findBreach(policy, 'acme', [window('maker', 0, 101), window('checker', 100, 200)], 0)).toMatchObject({
      constraint: 'four-eyes',
      atMs: 100,
    })
  })

  it('finds a breach that lies wholly in the future', () => {
    expect(findNewBreach(policy, 'acme', [window('maker', 0)], window('checker', 5_000, 6_000), 1)).toMatchObject({ atMs: 5_000 })
  })

  it('ignores what was over before the instant asked from', () => {
    expect(findBreach(policy, 'acme', [window('maker', 0, 100), window('checker', 50, 200)], 100)).toBeUndefined()
  })

  it('names both permissions and the roles that bring them', () => {
    expect(findBreach(policy, 'acme', [window('maker', 0), window('checker', 0)], 0)?.message).toBe(
      'pay.create (by maker) and pay.approve (by checker) would be held together; at most 1 of them',
    )
  })

  it('counts roles only in tenants that the pattern names', () => {
    const both = [window('maker', 0), window('reader', 0)]
    expect(findBreach(policy, 'hospital-north', both, 0)).toMatchObject({ constraint: 'one-role' })
    expect(findBreach(policy, 'xhospital-north', both, 0)).toBeUndefined()
  })

  it('does not blame a new grant for a breach that was there before', () => {
    const held = [window('maker', 0), window('checker', 0)]
    expect(findNewBreach(policy, 'acme', held, window('reader', 0), 0)).toBeUndefined()
    expect(findNewBreach(policy, 'acme', [window('maker', 0)], window('checker', 0), 0)).toMatchObject({ constraint: 'four-eyes' })
  })
})
