/** A policy in words says what it says in signs, always in the same words. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { stableJson } from '../../src/ground/canonical-json.ts'
import type { Condition, Constraint, Scalar } from '../../src/model/policy.ts'
import {
  attributesInWords,
  conditionInWords,
  conditionsInWords,
  constraintInWords,
  deprecationInWords,
  durationFromWords,
  durationInWords,
} from '../../src/policy/words.ts'

describe('a condition in words', () => {
  const user = { $var: 'user.id' }
  const cases: readonly (readonly [Condition, string])[] = [
    [{ amount: { $lte: 10000 }, discountPercent: { $lte: 15 } }, 'amount at most 10000 and discountPercent at most 15'],
    [{ createdBy: { $exists: true, $ne: user } }, "createdBy is given and is not the user's id (user.id)"],
    [{ owner: { $eq: user } }, "owner is the user's id (user.id)"],
    [{ status: { $eq: 'open' } }, 'status is "open"'],
    [{ urgent: { $eq: true } }, 'urgent is true'],
    [{ urgent: { $eq: 'true' } }, 'urgent is "true"'],
    [{ status: { $eq: '10' } }, 'status is "10"'],
    [{ status: { $eq: 'in work, or not' } }, 'status is "in work, or not"'],
    [{ status: { $in: ['open', 'coded'] } }, 'status is one of "open", "coded"'],
    [
      { facilityId: { $in: { $var: 'user.attributes.facilities' } } },
      "facilityId is one of the list of the user's facilities (user.attributes.facilities)",
    ],
    [{ facilityId: { $in: ['x', user] } }, 'facilityId is one of "x", the user\'s id (user.id)'],
    [{ status: { $exists: true, $nin: ['lost', 'sold'] } }, 'status is given and is none of "lost", "sold"'],
    [{ days: { $lt: 30, $gte: 0 } }, 'days at least 0 and below 30'],
    [{ days: { $gt: 30 } }, 'days above 30'],
    [{ status: { $in: [] } }, 'status is one of nothing'],
    [{ hold: { $exists: false } }, 'hold is not given'],
    [{ languages: { $all: ['en', 'fr'] } }, 'languages contains all of "en", "fr"'],
    [
      { languages: { $all: { $var: 'tenant.attributes.desk.languages' } } },
      "languages contains all of the list of the tenant's desk.languages (tenant.attributes.desk.languages)",
    ],
    [{ languages: { $size: 1 } }, 'languages has 1 item'],
    [{ languages: { $size: 2 } }, 'languages has 2 items'],
    [{ tenant: { $eq: { $var: 'tenant.id' } } }, "tenant is the tenant's id (tenant.id)"],
  ]
  it.each(cases)('%j', (when, words) => {
    expect(conditionInWords(when)).toBe(words)
  })

  it('names its attributes in one order, however they were written', () => {
    expect(conditionInWords({ b: { $eq: 1 }, a: { $eq: 2 } })).toBe(conditionInWords({ a: { $eq: 2 }, b: { $eq: 1 } }))
  })

  it('says another condition in other words', () => {
    const texts = ['given', 'not', 'not given', 'nothing', 'a', 'a, b', 'a" and b is "a', 'true', '1', "the user's id (user.id)", '']
    const scalar = fc.constantFrom<Scalar>(...texts, true, 1, 1.5, -1)
    const variable = fc.constantFrom('user.id', 'user.attributes.id', 'user.attributes.a.b', 'tenant.id').map(($var) => ({ $var }))
    const operand = fc.oneof(scalar, variable)
    const operands = fc.oneof(fc.array(operand, { maxLength: 2 }), variable)
    const one = { $eq: operand, $ne: operand, $lt: operand, $lte: operand, $gt: operand, $gte: operand }
    const many = { $in: operands, $nin: operands, $all: operands }
    const test = fc.record({ ...one, ...many, $exists: fc.boolean(), $size: fc.nat(2) }, { requiredKeys: [] })
    const known = fc.constantFrom('a', 'b', 'is', 'has', 'at', 'above', 'not')
    const named = fc.dictionary(
      known,
      test.map((tests) => ({ $exists: true, ...tests })),
      { minKeys: 1, maxKeys: 2 },
    )
    const few = fc
      .oneof(...Object.entries({ ...one, ...many }).map(([sign, values]) => values.map((value) => ({ [sign]: value }))))
      .map((tests): Condition => ({ a: tests }))
    const same = (a: readonly Condition[], b: readonly Condition[]): boolean => stableJson(a) === stableJson(b)
    const alternatives = fc.array(fc.oneof(few, named), { minLength: 1, maxLength: 2 })
    const seen = new Map<string, readonly Condition[]>()
    fc.assert(
      fc.property(alternatives, (conditions) => {
        const words = conditionsInWords(conditions)
        const other = seen.get(words) ?? conditions
        seen.set(words, conditions)
        return same(conditions, other)
      }),
      { numRuns: 2_000, endOnFailure: true },
    )
  })

  it('joins alternatives with or', () => {
    expect(conditionsInWords('always')).toBe('always')
    expect(conditionsInWords([{ a: { $eq: 1 } }])).toBe('when a is 1')
    expect(conditionsInWords([{ a: { $eq: 1 } }, { b: { $eq: 2 } }])).toBe('when (a is 1) or when (b is 2)')
  })
})

describe('a constraint in words', () => {
  const cases: readonly (readonly [Constraint, string])[] = [
    [
      { id: 'x', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 },
      'nobody holds both pay.create and pay.approve in one tenant at one time',
    ],
    [
      { id: 'x', type: 'separation-of-duty', permissions: ['a.a', 'a.b', 'a.c'], max: 2, tenants: ['hospital-*', 'acme'] },
      'nobody holds more than 2 of a.a, a.b, a.c in one tenant at one time, in tenants named hospital-* or acme',
    ],
    [{ id: 'x', type: 'max-roles-per-tenant', max: 1 }, 'nobody holds more than 1 role in one tenant at one time'],
    [
      { id: 'x', type: 'max-roles-per-tenant', max: 2, tenants: ['hospital-*'] },
      'nobody holds more than 2 roles in one tenant at one time, in tenants named hospital-*',
    ],
  ]
  it.each(cases)('%j', (constraint, words) => {
    expect(constraintInWords(constraint)).toBe(words)
  })
})

it('a duration in words loses no part of it', () => {
  expect([undefined, 0, 60_000, 43_200_000, 14 * 86_400_000, 129_600_000, 90_061_001].map(durationInWords)).toEqual([
    'none',
    '0 minutes',
    '1 minute',
    '12 hours',
    '14 days',
    '1 day 12 hours',
    '1 day 1 hour 1 minute 1 second 1 millisecond',
  ])
})

it('a duration is read back from its words, and from no others', () => {
  fc.assert(fc.property(fc.nat(400 * 86_400_000), (durationMs) => durationFromWords(durationInWords(durationMs)) === durationMs))
  expect(['none', '', '1 moon', 'a day', '1 day or 2'].map(durationFromWords)).toEqual(Array(5).fill(Number.NaN))
})

it('attributes and deprecations in words', () => {
  expect(attributesInWords({})).toBe('none')
  expect(attributesInWords({ createdBy: 'string', amount: 'number' })).toBe('amount: number, createdBy: string')
  expect(deprecationInWords(undefined)).toBe('no')
  expect(deprecationInWords({ since: '2026-10-01' })).toBe('since 2026-10-01')
  expect(deprecationInWords({ since: '2026-10-01', removeAfter: '2027-04-01', replacedBy: 'a.b' })).toBe(
    'since 2026-10-01, to be removed after 2027-04-01, replaced by a.b',
  )
})
