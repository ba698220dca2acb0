/** Conditions, constraints and durations in words, the same ones wherever a policy is shown to people. Escapes nothing. Floor 2. */
import type { AttributeTest, Condition, Constraint, Operand, PermissionEntry, Variable } from '../model/policy.ts'
import { compareText } from './faults.ts'

/** `amount at most 10000 and status is "open" and createdBy is given and is not the user's id (user.id)`: other words, another condition. */
export function conditionInWords(when: Condition): string {
  return Object.entries(when)
    .sort(([a], [b]) => compareText(a, b))
    .map(([attribute, test]) => `${attribute} ${testInWords(test)}`)
    .join(' and ')
}

/** Alternatives of one permission in one role; `'always'`: without a condition. */
export function conditionsInWords(conditions: readonly Condition[] | 'always'): string {
  if (conditions === 'always') return 'always'
  return conditions.length === 1 && conditions[0] !== undefined
    ? `when ${conditionInWords(conditions[0])}`
    : conditions.map((when) => `when (${conditionInWords(when)})`).join(' or ')
}

export function constraintInWords(constraint: Constraint): string {
  const where = constraint.tenants === undefined ? '' : `, in tenants named ${listInWords(constraint.tenants, 'or')}`
  if (constraint.type === 'max-roles-per-tenant')
    return `nobody holds more than ${counted(constraint.max, 'role')} in one tenant at one time${where}`
  const { permissions, max } = constraint
  const what =
    permissions.length === 2 && max === 1 ? `both ${listInWords(permissions, 'and')}` : `more than ${max} of ${permissions.join(', ')}`
  return `nobody holds ${what} in one tenant at one time${where}`
}

/** `1 day 12 hours`; `none` for an absent one. */
export function durationInWords(durationMs: number | undefined): string {
  if (durationMs === undefined) return 'none'
  const parts: string[] = []
  let restMs = durationMs
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(restMs / unitMs)
    restMs -= count * unitMs
    if (count > 0) parts.push(counted(count, unit))
  }
  return parts.length === 0 ? counted(0, 'minute') : parts.join(' ')
}

/** Milliseconds of what `durationInWords` wrote; NaN for other words and for `none`. */
export function durationFromWords(words: string): number {
  return words.split(/ (?=\d)/).reduce((sumMs, part) => {
    const [, count = '', unit] = /^(\d+) (\w+?)s?$/.exec(part) ?? []
    return sumMs + Number(count) * (UNITS.find(([name]) => name === unit)?.[1] ?? Number.NaN)
  }, 0)
}

/** `amount: number, createdBy: string`; `none` when there are none. */
export function attributesInWords(attributes: PermissionEntry['attributes']): string {
  const words = Object.entries(attributes)
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, type]) => `${name}: ${type}`)
  return words.length === 0 ? 'none' : words.join(', ')
}

/** `amount, createdBy`; `none` when there are none. */
export function loggedInWords(log: PermissionEntry['log']): string {
  return log === undefined ? 'none' : log.join(', ')
}

/** `since 2026-10-01, to be removed after 2027-04-01, replaced by finance.report.read`; `no` when it is not deprecated. */
export function deprecationInWords(deprecated: PermissionEntry['deprecated']): string {
  if (deprecated === undefined) return 'no'
  const { since, removeAfter, replacedBy } = deprecated
  return [
    `since ${since}`,
    ...(removeAfter === undefined ? [] : [`to be removed after ${removeAfter}`]),
    ...(replacedBy === undefined ? [] : [`replaced by ${replacedBy}`]),
  ].join(', ')
}

/** `1 role`, `2 roles`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `a, b and c`. */
export function listInWords(items: readonly string[], conjunction: 'and' | 'or'): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${conjunction} ${items.at(-1)}`
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
  ['millisecond', 1],
] as const

/** Being there is said first: the other tests of an attribute rest on it. */
function testInWords(test: AttributeTest): string {
  const words: string[] = []
  if (test.$exists !== undefined) words.push(test.$exists ? 'is given' : 'is not given')
  if (test.$eq !== undefined) words.push(`is ${operandInWords(test.$eq)}`)
  if (test.$ne !== undefined) words.push(`is not ${operandInWords(test.$ne)}`)
  if (test.$in !== undefined) words.push(`is one of ${operandsInWords(test.$in)}`)
  if (test.$nin !== undefined) words.push(`is none of ${operandsInWords(test.$nin)}`)
  if (test.$gt !== undefined) words.push(`above ${operandInWords(test.$gt)}`)
  if (test.$gte !== undefined) words.push(`at least ${operandInWords(test.$gte)}`)
  if (test.$lt !== undefined) words.push(`below ${operandInWords(test.$lt)}`)
  if (test.$lte !== undefined) words.push(`at most ${operandInWords(test.$lte)}`)
  if (test.$all !== undefined) words.push(`contains all of ${operandsInWords(test.$all)}`)
  if (test.$size !== undefined) words.push(`has ${counted(test.$size, 'item')}`)
  return words.join(' and ')
}

/** A variable that is the list, and a list of one variable, are two things. */
function operandsInWords(operands: readonly Operand[] | Variable): string {
  if ('$var' in operands) return `the list of ${variableInWords(operands)}`
  return operands.length === 0 ? 'nothing' : operands.map(operandInWords).join(', ')
}

/** A text is always quoted: `given` and `not` are words of ours. */
function operandInWords(operand: Operand): string {
  return typeof operand === 'object' ? variableInWords(operand) : JSON.stringify(operand)
}

function variableInWords({ $var: path }: Variable): string {
  const [root = '', ...rest] = path.split('.')
  const name = rest[0] === 'attributes' ? rest.slice(1).join('.') : rest.join('.')
  return `the ${root}'s ${name} (${path})`
}
