/** A compiled bundle finds by name and code, shares one object per set of roles, and suggests what was meant. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { findNearest } from '../../src/ground/nearest.ts'
import type { ConditionContext } from '../../src/model/condition.ts'
import type { Condition, PermissionEntry, PolicyBundle, RoleEntry } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyError } from '../../src/policy/faults.ts'
import { matchesPattern } from '../../src/policy/pattern.ts'

const permission = (name: string, code: string): PermissionEntry => ({
  name,
  code,
  title: name,
  service: 's',
  owner: 'o',
  risk: 'normal',
  stage: 'active',
  attributes: { by: 'string' },
})
const role = (name: string, permissions: readonly (string | [string, Condition])[]): RoleEntry => ({
  name,
  title: name,
  bundle: 'b',
  owner: 'o',
  assignable: 'any',
  grants: permissions.map((grant) => (typeof grant === 'string' ? { permission: grant } : { permission: grant[0], when: grant[1] })),
})
const OWN: Condition = { by: { $eq: { $var: 'user.id' } } }
const BUNDLE: PolicyBundle = {
  permissions: [permission('pay.read', 'p.r'), permission('pay.create', 'p.c'), permission('pay.approve', 'p.a')],
  reserved: [],
  roles: [
    role('maker', ['pay.read', 'pay.create']),
    role('checker', ['pay.read', ['pay.approve', OWN]]),
    role('constructor', []),
    role('boss', ['pay.approve']),
  ],
  constraints: [
    { id: 'some', type: 'max-roles-per-tenant', max: 1, tenants: ['hospital-*', 'x'] },
    { id: 'all', type: 'max-roles-per-tenant', max: 3 },
  ],
}
const policy = compilePolicy(BUNDLE)
const context = (by?: string): ConditionContext => ({
  user: { id: 'ann', attributes: {} },
  tenant: { id: 't', attributes: {} },
  resource: by === undefined ? undefined : { by },
})

describe('a compiled policy', () => {
  it('finds a permission by its name and by its code, and nothing by the names of an object', () => {
    expect(policy.findPermission('pay.read')?.code).toBe('p.r')
    expect(policy.findPermission('p.r')?.name).toBe('pay.read')
    for (const name of ['', '__proto__', 'constructor', 'toString', 'PAY.READ', 'pay.read '])
      expect(policy.findPermission(name)).toBeUndefined()
    expect(policy.findRole('constructor')?.name).toBe('constructor')
    expect(policy.findRole('toString')).toBeUndefined()
  })

  it('knows which roles grant a permission, conditional ones too', () => {
    expect(policy.rolesGranting('pay.approve')).toEqual(['boss', 'checker'])
    expect(policy.rolesGranting('pay.read')).toEqual(['checker', 'maker'])
    expect(policy.rolesGranting('nothing')).toEqual([])
  })

  it('knows the constraints of a tenant by its name', () => {
    const ids = (tenant: string) => policy.constraintsFor(tenant).map((constraint) => constraint.id)
    expect(ids('hospital-north')).toEqual(['all', 'some'])
    expect(ids('x')).toEqual(['all', 'some'])
    expect(ids('xx')).toEqual(['all'])
  })

  it('refuses a bundle that never went through validation', () => {
    expect(() => compilePolicy({ ...BUNDLE, roles: [role('r', ['pay.unknown'])] })).toThrow(PolicyError)
    expect(() => compilePolicy({ ...BUNDLE, roles: [role('r', ['p.r'])] })).toThrow(PolicyError)
    expect(() => compilePolicy({ ...BUNDLE, roles: [role('r', [['pay.read', {}]])] })).toThrow(PolicyError)
    expect(() => compilePolicy({ ...BUNDLE, permissions: [...BUNDLE.permissions, permission('pay.more', 'p.r')] })).toThrow(PolicyError)
  })
})

describe('a role set', () => {
  it('is one object for the same roles in any order, number and company of unknown names', () => {
    const set = policy.roleSet(['maker', 'checker'])
    expect(policy.roleSet(['checker', 'maker', 'maker'])).toBe(set)
    expect(policy.roleSet(new Set(['nobody', 'checker', '__proto__', 'maker']))).toBe(set)
    expect(set.roles).toEqual(['checker', 'maker'])
    expect(policy.roleSet(['maker', 'maker'])).toBe(policy.roleSet(['maker']))
    expect(policy.roleSet(['nobody'])).toBe(policy.roleSet([]))
  })

  it('is the union of its roles', () => {
    const set = policy.roleSet(['maker', 'checker'])
    expect(set.permissions).toEqual(['pay.approve', 'pay.create', 'pay.read'])
    expect(set.can('pay.create', context())).toBe(true)
    expect(set.can('pay.approve', context())).toBe(false)
    expect(set.can('pay.approve', context('ann'))).toBe(true)
    expect(policy.roleSet(['maker', 'checker', 'boss']).can('pay.approve', context())).toBe(true)
    expect(policy.roleSet([]).can('pay.read', context())).toBe(false)
  })

  it('names every way to a permission, by role', () => {
    const set = policy.roleSet(['boss', 'checker'])
    expect(set.waysTo('pay.approve').map((way) => [way.role, way.conditional])).toEqual([
      ['boss', false],
      ['checker', true],
    ])
    expect(set.waysTo('pay.approve')[1]?.evaluate(context('bob'))).toEqual({ failure: 'CONDITION_FAILED', at: 'by.$eq' })
    expect(set.waysTo('pay.create')).toEqual([])
    expect(set.waysTo('__proto__')).toEqual([])
  })

  it('says yes exactly when one of its ways holds', () => {
    fc.assert(
      fc.property(
        fc.subarray(['maker', 'checker', 'boss', 'constructor']),
        fc.constantFrom('pay.read', 'pay.create', 'pay.approve'),
        fc.constantFrom(undefined, 'ann', 'bob'),
        (roles, name, by) => {
          const set = policy.roleSet(roles)
          const open = set.waysTo(name).some((way) => way.evaluate(context(by)) === undefined)
          expect(set.can(name, context(by))).toBe(open)
          expect(set.permissions.includes(name)).toBe(set.waysTo(name).length > 0)
        },
      ),
    )
  })
})

describe('suggestions', () => {
  it.each([
    ['pay.raed', 'pay.read'],
    ['pay.aprove', 'pay.approve'],
    ['pay.creat', 'pay.create'],
    ['nothing.like.it', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('for %.20s: %s', (wanted, nearest) => {
    expect(policy.suggestPermission(wanted)).toBe(nearest)
    expect(policy.suggestPermission(wanted)).toBe(nearest)
  })

  it('for roles', () => {
    expect(policy.suggestRole('cheker')).toBe('checker')
  })

  it('are never farther than three edits, and the name itself comes first', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.'), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(name, fc.array(name, { maxLength: 20 }), (wanted, names) => {
        expect(findNearest(wanted, [...names, wanted])).toBe(wanted)
        const nearest = findNearest(wanted, names)
        const distances = names.map((one) => distance(one, wanted))
        const least = Math.min(...distances)
        if (least <= Math.min(3, Math.floor(wanted.length / 3)))
          expect(nearest === undefined ? undefined : distance(nearest, wanted)).toBe(least)
        else expect(nearest).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })
})

/** The textbook recursion: edits and swaps of neighbours, each counted once. */
function distance(a: string, b: string, known = new Map<string, number>()): number {
  if (a === '' || b === '') return a.length + b.length
  const key = `${a} ${b}`
  const before = known.get(key)
  if (before !== undefined) return before
  let least = Math.min(
    distance(a.slice(1), b, known) + 1,
    distance(a, b.slice(1), known) + 1,
    distance(a.slice(1), b.slice(1), known) + (a[0] === b[0] ? 0 : 1),
  )
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) least = Math.min(least, distance(a.slice(2), b.slice(2), known) + 1)
  known.set(key, least)
  return least
}

describe('a pattern of tenants', () => {
  it('means the same as the regular expression it stands for', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 10 })
    fc.assert(
      fc.property(pattern, text, (written, tenant) => {
        const source = written
          .split('*')
          .map((piece) => piece.replaceAll('.', '\\.'))
          .join('.*')
        expect(matchesPattern(written, tenant)).toBe(new RegExp(`^${source}$`).test(tenant))
      }),
      { numRuns: 5_000 },
    )
  })

  it('made to hang a regular expression does not hang', () => {
    expect(matchesPattern(`${'a*'.repeat(5_000)}b`, 'a'.repeat(100_000))).toBe(false)
  })
})
