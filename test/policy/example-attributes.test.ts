/** Attributes that a proposed test gives a person fit the conditions they are for. */
import { expect, it } from '@jest/globals'
import type { RoleGrant } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { exampleAttributes } from '../../src/policy/example-attributes.ts'
import { bundleOf } from '../support/house.ts'

const examples = (when: RoleGrant['when']): ReturnType<typeof exampleAttributes> => {
  const bundle = bundleOf({ reader: ['work.read'] })
  const [role] = bundle.roles
  if (role === undefined || when === undefined) throw new Error('no role')
  const attributes = { site: 'string', days: 'number' } as const
  const permissions = bundle.permissions.map((one) => ({ ...one, attributes }))
  const conditional = { ...role, grants: [{ permission: 'work.read', when }] }
  return exampleAttributes(compilePolicy({ ...bundle, permissions, roles: [conditional] }), conditional)
}

it.each(['$in', '$nin', '$all'])('a variable in place of the list of %s is a list of one', (operator) => {
  expect(examples({ site: { [operator]: { $var: 'user.attributes.sites' } } })).toEqual({ user: { sites: ['example'] }, tenant: {} })
})

it('a variable that is one value is that, also as a part of a list', () => {
  expect(examples({ site: { $eq: { $var: 'tenant.attributes.home' } } })).toEqual({ user: {}, tenant: { home: 'example' } })
  expect(examples({ days: { $in: [1, { $var: 'user.attributes.days' }] } })).toEqual({ user: { days: 1 }, tenant: {} })
})
