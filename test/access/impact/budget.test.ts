/** Sizes of permission claims: of any set of roles, and of the worst real person; the same as the tokens that are issued. */
import { afterAll, expect, it } from '@jest/globals'
import { policyBudget } from '../../../src/access/impact/budget.ts'
import { claimSizeOf, foreseenBits } from '../../../src/access/impact/claim-sizes.ts'
import { PERMISSION_CLAIM_CHARACTERS_MAX } from '../../../src/model/identity-limits.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { permissionClaims, unconditionalPermissions } from '../../../src/token/permission-claims.ts'
import { bundleOf, NEVER } from '../../support/house.ts'
import { openPgliteStore } from '../../support/stores.ts'
import { storeWorld } from './worlds.ts'

const NO_BITS = { version: 0, bitOf: () => undefined }
const opened = await openPgliteStore()
afterAll(() => opened.close())

const many = Array.from({ length: 500 }, (_, index) => `work.part-${index}.read`)
const plain = bundleOf({ clerk: many.slice(0, 5), lead: many.slice(3, 9), all: many })
const BUNDLE: PolicyBundle = {
  ...plain,
  permissions: plain.permissions.map((permission) => ({
    ...permission,
    stage: permission.name === many[1] ? 'disabled' : 'active',
    attributes: { site: 'string' },
  })),
  roles: plain.roles.map((role) =>
    role.name === 'lead'
      ? { ...role, grants: role.grants.map((grant) => (grant.permission === many[8] ? { ...grant, when: { site: { $eq: 'n' } } } : grant)) }
      : role,
  ),
}

it('any set of roles has the size of the claim that a token of theirs would carry', () => {
  const policy = compilePolicy(BUNDLE)
  const bits = foreseenBits(NO_BITS, [policy])
  for (const roles of [[], ['clerk'], ['lead', 'clerk'], ['lead'], ['all', 'lead'], ['gone'], ['clerk', 'gone', 'clerk']]) {
    const listed = unconditionalPermissions(policy, policy.roleSet(roles))
    const claims = permissionClaims(listed, bits)
    const [form, characters] = 'pc' in claims ? ['codes', claims.pc.length] : 'pb' in claims ? ['bits', claims.pb.length] : ['overage', 0]
    const codeCharacters = listed.map((permission) => permission.code).join(' ').length
    expect([roles, claimSizeOf(policy, roles, bits)]).toEqual([roles, { permissions: listed.length, form, characters, codeCharacters }])
  }
})

it('a permission that the index does not have yet gets the next bit, once, and those that are there keep theirs', () => {
  const [before, after] = [
    compilePolicy(bundleOf({ a: ['work.a', 'work.b'] })),
    compilePolicy(bundleOf({ a: ['work.a', 'work.b', 'work.c'] })),
  ]
  const known = { version: 7, bitOf: ({ name }: { readonly name: string }) => (name === 'work.b' ? 3 : undefined) }
  const bits = foreseenBits(known, [before, after])
  expect([bits.version, ...after.bundle.permissions.map((permission) => bits.bitOf(permission))]).toEqual([9, 7, 3, 8])
})

it('the budget counts every pair by its form and names the worst one', async () => {
  const held = [
    ...['ann', 'bob'].map((user) => ({ user, tenant: 'north', role: 'clerk', from: -1, until: null })),
    { user: 'bob', tenant: 'south', role: 'all', from: -1, until: null },
    { user: 'eve', tenant: 'south', role: 'all', from: 1, until: null },
  ]
  const open = (id: string) => ({ id, closed: false, attributes: {} })
  const world = {
    before: BUNDLE,
    after: BUNDLE,
    pairsAtOnce: 1,
    held,
    users: ['ann', 'bob', 'eve'].map(open),
    tenants: ['north', 'south'].map(open),
  }
  await storeWorld(opened.database, world, Date.now())
  const policy = compilePolicy(BUNDLE)
  const needs = { impact: opened.store.impact, bits: NO_BITS }
  expect(await policyBudget(needs, policy, NEVER)).toEqual({
    revision: policy.revision,
    charactersMax: PERMISSION_CLAIM_CHARACTERS_MAX,
    combinations: 2,
    pairs: { codes: 2, bits: 1, overage: 0 },
    worst: { ...claimSizeOf(policy, ['all'], foreseenBits(NO_BITS, [policy])), user: 'bob', tenant: 'south', roles: ['all'], holders: 1 },
  })
})

it('however few rows are read at once the budget is the same, and beyond its bound only the number of sets is no more than a least', async () => {
  const policy = compilePolicy(BUNDLE)
  const needs = { impact: opened.store.impact, bits: NO_BITS }
  const whole = await policyBudget(needs, policy, NEVER)
  expect(await policyBudget(needs, policy, NEVER, { rowsAtOnce: 1 })).toEqual(whole)
  expect(await policyBudget(needs, policy, NEVER, { rowsAtOnce: 2, countedMax: 1 })).toEqual({ ...whole, combinations: 1 })
})

it('where nobody holds anything there is no worst', async () => {
  await opened.database.knex.raw('truncate role_assignment')
  const budget = await policyBudget({ impact: opened.store.impact, bits: NO_BITS }, compilePolicy(BUNDLE), NEVER)
  expect(budget).toMatchObject({ combinations: 0, pairs: { codes: 0, bits: 0, overage: 0 } })
  expect(budget).not.toHaveProperty('worst')
})
