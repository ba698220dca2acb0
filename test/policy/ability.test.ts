/** Every edge of CASL at which it would say yes by accident, by name; and that we agree with its own matcher everywhere else. */
import { Ability, createMongoAbility, mongoQueryMatcher } from '@casl/ability'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Attributes, ConditionContext } from '../../src/model/condition.ts'
import type { AttributeTest, AttributeType, Condition } from '../../src/model/policy.ts'
import { buildAbility } from '../../src/policy/ability.ts'
import { compileCondition } from '../../src/policy/condition.ts'

const TYPES: Record<string, AttributeType> = { owner: 'string', amount: 'number', urgent: 'boolean', tags: 'string[]' }
const USER_ID = { $var: 'user.id' }

function context(resource: Attributes | undefined, user: Attributes = {}, userId = 'ann'): ConditionContext {
  return { user: { id: userId, attributes: user }, tenant: { id: 'acme', attributes: {} }, resource }
}
function ability(when?: Condition) {
  return buildAbility([{ permission: 'doc.read', condition: when === undefined ? undefined : compileCondition(when, TYPES) }])
}

describe('the ability of a role set', () => {
  it('allows what is granted and nothing else', () => {
    expect(ability().can('doc.read', context(undefined))).toBe(true)
    expect(ability().can('doc.write', context(undefined))).toBe(false)
    expect(buildAbility([]).can('doc.read', context(undefined))).toBe(false)
  })

  it('allows when any of several conditions holds, in whatever order they stand', () => {
    const a = compileCondition({ owner: { $eq: 'a' } }, TYPES)
    const b = compileCondition({ owner: { $eq: 'b' } }, TYPES)
    for (const conditions of [
      [a, b],
      [b, a],
    ]) {
      const either = buildAbility(conditions.map((condition) => ({ permission: 'doc.read', condition })))
      expect(['a', 'b', 'c'].map((owner) => either.can('doc.read', context({ owner })))).toEqual([true, true, false])
    }
  })

  it('is not narrowed by a conditional grant beside an unconditional one', () => {
    const grants = [
      { permission: 'doc.read', condition: undefined },
      { permission: 'doc.read', condition: compileCondition({ owner: { $eq: 'a' } }, TYPES) },
    ]
    for (const order of [grants, [...grants].reverse()]) expect(buildAbility(order).can('doc.read', context(undefined))).toBe(true)
  })
})

describe('edges of CASL, closed', () => {
  it('an empty condition is refused when it is compiled, not taken as none', () => {
    expect(
      new Ability([{ action: 'doc.read', subject: 'q', conditions: {} }], { conditionsMatcher: mongoQueryMatcher as never }).can(
        'doc.read',
        { constructor: { name: 'q' } } as never,
      ),
    ).toBe(true)
    expect(() => ability({})).toThrow(RangeError)
  })

  it('a user without the attribute does not match a resource without an owner', () => {
    const own = ability({ owner: { $eq: { $var: 'user.attributes.name' } } })
    for (const user of [{}, { name: undefined }, { name: null }])
      for (const resource of [{}, { owner: undefined }, { owner: null }]) expect(own.can('doc.read', context(resource, user))).toBe(false)
  })

  it('"not the unset one" is not everybody', () => {
    expect(
      createMongoAbility([{ action: 'read', subject: 'Object', conditions: { owner: { $ne: undefined } } }]).can('read', {
        owner: 'x',
      } as never),
    ).toBe(true)
    const others = ability({ owner: { $exists: true, $ne: { $var: 'user.attributes.name' } } })
    expect(others.can('doc.read', context({ owner: 'x' }))).toBe(false)
  })

  it('"none of nothing" is not everything', () => {
    expect(
      createMongoAbility([{ action: 'read', subject: 'Object', conditions: { owner: { $nin: [] } } }]).can('read', { owner: 'x' } as never),
    ).toBe(true)
    const others = ability({ owner: { $exists: true, $nin: { $var: 'user.attributes.blocked' } } })
    expect(others.can('doc.read', context({ owner: 'x' }, { blocked: [] }))).toBe(false)
    expect(() => ability({ owner: { $exists: true, $nin: [] } })).toThrow(RangeError)
  })

  it('a conditional grant asked without a resource is no yes', () => {
    expect(createMongoAbility([{ action: 'read', subject: 'doc', conditions: { owner: 'x' } }]).can('read', 'doc')).toBe(true)
    expect(ability({ owner: { $eq: 'x' } }).can('doc.read', context(undefined))).toBe(false)
    expect(ability({ owner: { $eq: 'x' } }).can('doc.read', context({}))).toBe(false)
  })

  it('a resource that brings its own __caslSubjectType__ gains nothing', () => {
    for (const type of ['all', 'question', 'Object', '\u0000no subject type stands for every subject type'])
      for (const forged of [
        { __caslSubjectType__: type },
        { __caslSubjectType__: type, owner: 'y' },
        JSON.parse(`{"__proto__":{"__caslSubjectType__":"all","owner":"x"}}`),
      ]) {
        expect(ability({ owner: { $eq: 'x' } }).can('doc.read', context(forged))).toBe(false)
        expect(ability({ owner: { $eq: 'x' } }).can('doc.write', context(forged))).toBe(false)
        expect(ability({ owner: { $eq: 'x' } }).can('doc.read', context({ ...forged, owner: 'x' }))).toBe(true)
      }
  })

  it('a resource that brings its own constructor name gains nothing', () => {
    expect(ability({ owner: { $eq: 'x' } }).can('doc.read', context({ constructor: { name: 'all', modelName: 'all' } }))).toBe(false)
  })

  it('"manage" and "all" are no wildcards, granted or asked for', () => {
    const everything = buildAbility(['manage', 'all', '*'].map((permission) => ({ permission, condition: undefined })))
    expect(everything.can('doc.read', context({}))).toBe(false)
    for (const name of ['manage', 'all', '*', 'any', '', '\u0000no action stands for every action', 'constructor', '__proto__'])
      expect(ability().can(name, context({}))).toBe(false)
  })

  it('one ability serves all users: nothing of one question is left for the next', () => {
    const own = ability({ owner: { $eq: USER_ID } })
    expect(own.can('doc.read', context({ owner: 'ann' }, {}, 'ann'))).toBe(true)
    expect(own.can('doc.read', context({ owner: 'ann' }, {}, 'bob'))).toBe(false)
    expect(own.can('doc.read', context({ owner: 'bob' }, {}, 'bob'))).toBe(true)
  })
})

const text = fc.constantFrom('', 'a', 'b', 'B', 'é', 'z')
const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, -0.5))
const ordering = (value: fc.Arbitrary<string | number>) => ({ $lt: value, $lte: value, $gt: value, $gte: value })
const listOf = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 3 })
/** One or two of the given members: more would seldom hold together, and then only denials would be compared. */
const some = (members: Record<string, fc.Arbitrary<unknown>>) =>
  fc
    .subarray(Object.keys(members), { minLength: 1, maxLength: 2 })
    .chain((keys) =>
      fc.record(Object.fromEntries(keys.map((key) => [key, members[key] ?? fc.constant(undefined)])), { noNullPrototype: true }),
    )
const tests = (operators: Record<string, fc.Arbitrary<unknown>>) =>
  some(operators).map((test) => ('$ne' in test || '$nin' in test ? { ...test, $exists: true } : test)) as fc.Arbitrary<AttributeTest>

it('on attributes that are there and of the right type, a condition means what it means to CASL', () => {
  const condition = some({
    owner: tests({ $eq: text, $ne: text, $in: listOf(text), $nin: listOf(text), $exists: fc.constant(true), ...ordering(text) }),
    amount: tests({ $eq: number, $ne: number, $in: listOf(number), $nin: listOf(number), ...ordering(number) }),
    urgent: tests({ $eq: fc.boolean(), $ne: fc.boolean(), $in: listOf(fc.boolean()) }),
    tags: tests({ $all: listOf(text), $size: fc.nat(3), $exists: fc.constant(true) }),
  }) as fc.Arbitrary<Condition>
  const resource = fc.record(
    { owner: text, amount: number, urgent: fc.boolean(), tags: fc.array(text, { maxLength: 3 }) },
    { noNullPrototype: true },
  )
  let allowed = 0
  fc.assert(
    fc.property(condition, resource, (when, attributes) => {
      const ours = ability(when).can('doc.read', context(attributes))
      if (ours) allowed++
      expect(ours).toBe(mongoQueryMatcher(when as never)(attributes))
    }),
    { numRuns: 5_000 },
  )
  // Not an agreement about denials only.
  expect(allowed).toBeGreaterThan(500)
})
