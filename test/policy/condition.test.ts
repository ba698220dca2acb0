/** A condition holds only when every value it needs is there and of the right type; each failure has its reason and place. */
import { describe, expect, it } from '@jest/globals'
import type { Attributes, ConditionContext } from '../../src/model/condition.ts'
import type { AttributeType, Condition } from '../../src/model/policy.ts'
import { compileCondition } from '../../src/policy/condition.ts'

const TYPES: Record<string, AttributeType> = {
  owner: 'string',
  site: 'string',
  amount: 'number',
  urgent: 'boolean',
  tags: 'string[]',
  marks: 'number[]',
}

function context(resource: Attributes | undefined, user: Attributes = {}, tenant: Attributes = {}): ConditionContext {
  return { user: { id: 'ann', attributes: user }, tenant: { id: 'acme', attributes: tenant }, resource }
}
function ask(condition: Condition, resource: Attributes | undefined, user: Attributes = {}, tenant: Attributes = {}) {
  const outcome = compileCondition(condition, TYPES).evaluate(context(resource, user, tenant))
  return outcome === undefined ? 'holds' : `${outcome.failure} ${outcome.at}`
}
const variable = (path: string) => ({ $var: path })

describe('the order of reasons', () => {
  const condition: Condition = { owner: { $exists: true, $ne: variable('user.id') }, site: { $in: variable('user.attributes.sites') } }
  it('is VARIABLE_UNSET, RESOURCE_REQUIRED, ATTRIBUTE_MISSING, CONDITION_FAILED', () => {
    expect(ask(condition, undefined)).toBe('VARIABLE_UNSET user.attributes.sites')
    expect(ask(condition, undefined, { sites: ['n'] })).toBe('RESOURCE_REQUIRED owner.$exists')
    expect(ask(condition, { owner: 'ann' }, { sites: ['n'] })).toBe('ATTRIBUTE_MISSING site.$in')
    expect(ask(condition, { owner: 'ann', site: 's' }, { sites: ['n'] })).toBe('CONDITION_FAILED owner.$ne')
    expect(ask(condition, { owner: 'bob', site: 's' }, { sites: ['n'] })).toBe('CONDITION_FAILED site.$in')
    expect(ask(condition, { owner: 'bob', site: 'n' }, { sites: ['n'] })).toBe('holds')
  })

  it('does not depend on the order in which attributes were written', () => {
    const turned: Condition = { site: { $eq: 'x' }, owner: { $eq: 'x' } }
    expect(ask(turned, {})).toBe('ATTRIBUTE_MISSING owner.$eq')
  })
})

describe('an absent attribute', () => {
  it.each([{}, { owner: null }, { owner: undefined }])('fails each test but $exists: false (%j)', (resource) => {
    for (const test of [{ $eq: 'x' }, { $exists: true }, { $exists: true, $ne: 'x' }, { $exists: true, $nin: ['x'] }, { $in: ['x'] }])
      expect(ask({ owner: test }, resource)).toMatch(/^ATTRIBUTE_MISSING owner\./)
    expect(ask({ owner: { $exists: false } }, resource)).toBe('holds')
  })

  it('needs a resource all the same', () => {
    expect(ask({ owner: { $exists: false } }, undefined)).toBe('RESOURCE_REQUIRED owner.$exists')
  })

  it('is not found on a prototype', () => {
    const resource = Object.create({ owner: 'x' }) as Attributes
    expect(ask({ owner: { $eq: 'x' } }, resource)).toBe('ATTRIBUTE_MISSING owner.$eq')
    expect(ask({ owner: { $exists: false } }, resource)).toBe('holds')
  })
})

describe('an unset variable', () => {
  it.each([
    ['absent', {}],
    ['undefined', { site: undefined }],
    ['null', { site: null }],
    ['a list where one value is wanted', { site: ['n'] }],
    ['of another type', { site: 7 }],
    ['on a prototype', Object.create({ site: 'n' }) as Attributes],
  ])('drops the rule: %s', (_, user) => {
    expect(ask({ site: { $eq: variable('user.attributes.site') } }, { site: 'n' }, user)).toBe('VARIABLE_UNSET user.attributes.site')
    expect(ask({ site: { $exists: true, $ne: variable('user.attributes.site') } }, { site: 'n' }, user)).toBe(
      'VARIABLE_UNSET user.attributes.site',
    )
    expect(compileCondition({ site: { $eq: variable('user.attributes.site') } }, TYPES).variablesSet(context({}, user))).toBe(false)
  })

  it.each([
    ['absent', {}],
    ['one value', { sites: 'n' }],
    ['of wrong elements', { sites: ['n', 7] }],
    ['with a hole', { sites: ['n', null] }],
  ])('drops the rule where a list is wanted: %s', (_, user) => {
    expect(ask({ site: { $in: variable('user.attributes.sites') } }, { site: 'n' }, user)).toBe('VARIABLE_UNSET user.attributes.sites')
  })

  it('that is an empty list allows nothing by its emptiness', () => {
    const sites = { sites: [] }
    const list = variable('user.attributes.sites')
    expect(ask({ site: { $exists: true, $nin: list } }, { site: 'n' }, sites)).toBe('VARIABLE_UNSET user.attributes.sites')
    expect(ask({ tags: { $all: list } }, { tags: ['n'] }, sites)).toBe('VARIABLE_UNSET user.attributes.sites')
    expect(ask({ site: { $in: list } }, { site: 'n' }, sites)).toBe('CONDITION_FAILED site.$in')
  })

  it('of a number is unset when it is NaN or infinite', () => {
    for (const limit of [Number.NaN, Number.POSITIVE_INFINITY, '10'])
      expect(ask({ amount: { $lte: variable('user.attributes.limit') } }, { amount: 1 }, { limit })).toBe(
        'VARIABLE_UNSET user.attributes.limit',
      )
  })
})

describe('variables', () => {
  it('are read from user and tenant, also below other attributes', () => {
    expect(ask({ owner: { $eq: variable('user.id') } }, { owner: 'ann' })).toBe('holds')
    expect(ask({ owner: { $eq: variable('tenant.id') } }, { owner: 'acme' })).toBe('holds')
    expect(ask({ site: { $eq: variable('tenant.attributes.main.site') } }, { site: 'n' }, {}, { main: { site: 'n' } })).toBe('holds')
    expect(ask({ owner: { $in: ['root', variable('user.id')] } }, { owner: 'ann' })).toBe('holds')
  })

  it('walk no prototype and no list', () => {
    expect(ask({ site: { $eq: variable('user.attributes.constructor.name') } }, { site: 'Object' })).toMatch(/^VARIABLE_UNSET/)
    expect(ask({ amount: { $eq: variable('user.attributes.sites.length') } }, { amount: 1 }, { sites: ['n'] })).toMatch(/^VARIABLE_UNSET/)
  })
})

describe('an attribute of a wrong type', () => {
  it.each<[Condition, Attributes]>([
    [{ owner: { $eq: 'x' } }, { owner: ['x'] }],
    [{ owner: { $in: ['x'] } }, { owner: 7 }],
    [{ owner: { $exists: true, $ne: 'x' } }, { owner: 7 }],
    [{ owner: { $exists: true, $nin: ['x'] } }, { owner: {} }],
    [{ owner: { $exists: true } }, { owner: {} }],
    [{ amount: { $lte: 10 } }, { amount: '5' }],
    [{ amount: { $lte: 10 } }, { amount: Number.NaN }],
    [{ amount: { $lte: 10 } }, { amount: Number.NEGATIVE_INFINITY }],
    [{ amount: { $gte: 0 } }, { amount: Number.POSITIVE_INFINITY }],
    [{ urgent: { $eq: true } }, { urgent: 1 }],
    [{ tags: { $all: ['x'] } }, { tags: 'x' }],
    [{ tags: { $size: 1 } }, { tags: 'x' }],
    [{ tags: { $size: 1 } }, { tags: [7] }],
    [{ marks: { $all: [1] } }, { marks: [1, Number.NaN] }],
  ])('never matches: %j with %j', (condition, resource) => {
    expect(ask(condition, resource)).toMatch(/^CONDITION_FAILED/)
  })
})

describe('operators', () => {
  it.each<[Condition, Attributes, boolean]>([
    [{ amount: { $lt: 10 } }, { amount: 9.99 }, true],
    [{ amount: { $lt: 10 } }, { amount: 10 }, false],
    [{ amount: { $lte: 10, $gte: 10 } }, { amount: 10 }, true],
    [{ amount: { $gt: 10 } }, { amount: 10 }, false],
    [{ owner: { $lt: 'b' } }, { owner: 'a' }, true],
    [{ owner: { $lt: 'a' } }, { owner: 'B' }, true],
    [{ owner: { $eq: 'é' } }, { owner: 'e\u0301' }, false],
    [{ urgent: { $eq: false } }, { urgent: false }, true],
    [{ tags: { $all: ['a', 'b'] } }, { tags: ['b', 'c', 'a'] }, true],
    [{ tags: { $all: ['a', 'b'] } }, { tags: ['b'] }, false],
    [{ tags: { $size: 0 } }, { tags: [] }, true],
    [{ marks: { $all: [0] } }, { marks: [-0] }, true],
    [{ id: { $eq: '7' }, type: { $in: ['stay'] } }, { id: '7', type: 'stay' }, true],
  ])('%j with %j: %s', (condition, resource, holds) => {
    expect(ask(condition, resource) === 'holds').toBe(holds)
  })

  it('on two long lists cost their sum: a caller cannot hang a check', () => {
    const wanted = Array.from({ length: 100_000 }, (_, index) => `w${index}`)
    expect(ask({ tags: { $all: variable('user.attributes.wanted') } }, { tags: [...wanted].reverse() }, { wanted })).toBe('holds')
  })
})

describe('compiling', () => {
  it.each<Condition>([
    {},
    { owner: {} },
    { owner: { $regex: 'x' } as never },
    { unknown: { $eq: 'x' } },
    { toString: { $eq: 'x' } } as never,
    { owner: { $eq: null } as never },
    { owner: { $eq: 7 } },
    { owner: { $in: [] } },
    { owner: { $eq: { $var: 'user.__proto__.x' } } },
    { owner: { $eq: { $var: 'resource.owner' } } },
  ])('refuses %j, which validation never lets through', (condition) => {
    expect(() => compileCondition(condition, TYPES)).toThrow(RangeError)
  })
})
