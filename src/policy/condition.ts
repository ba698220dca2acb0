/** Compiles a condition once, to be asked per request. Fails closed: what is unset, missing or of a wrong type never holds. Floor 2. */
import type { ConditionContext, ConditionOutcome } from '../model/condition.ts'
import type { AttributeTest, AttributeType, Condition, Operand, Scalar, Variable } from '../model/policy.ts'
import { compareText } from './faults.ts'
import { compileVariable, readOwn, type VariableReader } from './variable.ts'

export interface CompiledCondition {
  /** Why the condition does not hold, in this order: VARIABLE_UNSET, RESOURCE_REQUIRED, ATTRIBUTE_MISSING, CONDITION_FAILED. */
  evaluate(context: ConditionContext): ConditionOutcome
  variablesSet(context: ConditionContext): boolean
}

/** The closed list, in the order in which operators are tried and named. */
export const OPERATORS = ['$exists', '$eq', '$ne', '$in', '$nin', '$lt', '$lte', '$gt', '$gte', '$all', '$size'] as const
export type Operator = (typeof OPERATORS)[number]

/** `id` and `type` of a resource need no declaration. */
export const IMPLICIT_ATTRIBUTES: Readonly<Record<string, AttributeType>> = { id: 'string', type: 'string' }

type ScalarType = 'string' | 'number' | 'boolean'
type Check = (value: unknown, context: ConditionContext) => boolean

interface UsedVariable {
  readonly path: string
  isSet(context: ConditionContext): boolean
}
interface CompiledTest {
  readonly attribute: string
  /** `attribute.$op` of its first operator. */
  readonly at: string
  /** `$exists: false` alone: absence is what it asks for. */
  readonly wantsAbsence: boolean
  readonly hasType: (value: unknown) => boolean
  readonly checks: readonly { readonly at: string; readonly holds: Check }[]
}

/**
 * @param attributes declared types; `id` and `type` are strings
 * @throws RangeError for a condition that validation would have refused: an empty one, an unknown operator, an undeclared attribute
 */
export function compileCondition(condition: Condition, attributes: Readonly<Record<string, AttributeType>>): CompiledCondition {
  const variables: UsedVariable[] = []
  const tests = Object.keys(condition)
    .sort(compareText)
    .map((attribute) => compileTest(attribute, condition[attribute] ?? {}, typeOf(attribute, attributes), variables))
  const first = tests[0]
  if (first === undefined) throw new RangeError('an empty condition would hold for everything')
  const resourceRequired = { failure: 'RESOURCE_REQUIRED', at: first.at } as const

  return {
    variablesSet: (context) => variables.every((variable) => variable.isSet(context)),
    evaluate(context) {
      for (const variable of variables) if (!variable.isSet(context)) return { failure: 'VARIABLE_UNSET', at: variable.path }
      const { resource } = context
      if (resource === undefined || resource === null) return resourceRequired
      for (const test of tests)
        if (!test.wantsAbsence && isAbsent(readOwn(resource, test.attribute))) return { failure: 'ATTRIBUTE_MISSING', at: test.at }
      for (const test of tests) {
        const value = readOwn(resource, test.attribute)
        if (!isAbsent(value) && !test.hasType(value)) return { failure: 'CONDITION_FAILED', at: test.at }
        for (const check of test.checks) if (!check.holds(value, context)) return { failure: 'CONDITION_FAILED', at: check.at }
      }
      return undefined
    },
  }
}

export function typeOf(attribute: string, attributes: Readonly<Record<string, AttributeType>>): AttributeType {
  const type = Object.hasOwn(attributes, attribute)
    ? attributes[attribute]
    : Object.hasOwn(IMPLICIT_ATTRIBUTES, attribute)
      ? IMPLICIT_ATTRIBUTES[attribute]
      : undefined
  if (type === undefined) throw new RangeError(`attribute "${attribute}" is not declared`)
  return type
}

export function isList(type: AttributeType): type is 'string[]' | 'number[]' {
  return type === 'string[]' || type === 'number[]'
}

export function elementType(type: AttributeType): ScalarType {
  return type === 'string[]' ? 'string' : type === 'number[]' ? 'number' : type
}

/** Null says "nothing" in JSON: it is no value to compare with. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

/** Infinity and NaN are no numbers here: they come from no JSON and compare like nothing else. */
function isScalarOf(type: ScalarType, value: unknown): value is Scalar {
  return typeof value === type && (type !== 'number' || Number.isFinite(value))
}

function isListOf(type: ScalarType, value: unknown): value is readonly Scalar[] {
  return Array.isArray(value) && value.every((item) => isScalarOf(type, item))
}

function isVariable(operand: unknown): operand is Variable {
  return typeof operand === 'object' && operand !== null && Object.hasOwn(operand, '$var')
}

function compileTest(attribute: string, test: AttributeTest, type: AttributeType, variables: UsedVariable[]): CompiledTest {
  const unknown = Object.keys(test).find((key) => !(OPERATORS as readonly string[]).includes(key))
  if (unknown !== undefined) throw new RangeError(`unknown operator "${unknown}"`)
  const used = OPERATORS.filter((operator) => test[operator] !== undefined)
  const firstUsed = used[0]
  if (firstUsed === undefined) throw new RangeError(`attribute "${attribute}" has no test`)
  const element = elementType(type)
  return {
    attribute,
    at: `${attribute}.${firstUsed}`,
    wantsAbsence: test.$exists === false && used.length === 1,
    hasType: isList(type) ? (value) => isListOf(element, value) : (value) => isScalarOf(element, value),
    checks: used.map((operator) => ({ at: `${attribute}.${operator}`, holds: compileOperator(operator, test, element, variables) })),
  }
}

function compileOperator(operator: Operator, test: AttributeTest, type: ScalarType, variables: UsedVariable[]): Check {
  switch (operator) {
    case '$exists':
      return test.$exists === true ? (value) => !isAbsent(value) : isAbsent
    case '$size':
      return (value) => Array.isArray(value) && value.length === test.$size
    case '$in': {
      const list = compileList(test.$in, type, variables, true)
      return (value, context) => isScalarOf(type, value) && list(context).includes(value)
    }
    case '$nin': {
      const list = compileList(test.$nin, type, variables, false)
      return (value, context) => isScalarOf(type, value) && !list(context).includes(value)
    }
    case '$all': {
      const list = compileList(test.$all, type, variables, false)
      return (value, context) => {
        if (!Array.isArray(value)) return false
        // A set, so that two long lists cost their sum and not their product.
        const held: ReadonlySet<unknown> = new Set(value)
        return list(context).every((wanted) => held.has(wanted))
      }
    }
    default: {
      const operand = compileOperand(test[operator], type, variables)
      const compare = COMPARISONS[operator]
      return (value, context) => isScalarOf(type, value) && compare(value, operand(context))
    }
  }
}

/** Both sides are of one type when these are asked; text compares by UTF-16 code unit. */
const COMPARISONS = {
  $eq: (value: Scalar, operand: Scalar) => value === operand,
  $ne: (value: Scalar, operand: Scalar) => value !== operand,
  $lt: (value: Scalar, operand: Scalar) => value < operand,
  $lte: (value: Scalar, operand: Scalar) => value <= operand,
  $gt: (value: Scalar, operand: Scalar) => value > operand,
  $gte: (value: Scalar, operand: Scalar) => value >= operand,
} as const

function compileOperand(operand: Operand | undefined, type: ScalarType, variables: UsedVariable[]): (context: ConditionContext) => Scalar {
  if (!isVariable(operand)) {
    if (!isScalarOf(type, operand)) throw new RangeError(`operand is no ${type}`)
    return () => operand
  }
  const read = use(operand, variables, (value) => isScalarOf(type, value))
  return (context) => read(context) as Scalar
}

function compileList(
  operand: readonly Operand[] | Variable | undefined,
  type: ScalarType,
  variables: UsedVariable[],
  mayBeEmpty: boolean,
): (context: ConditionContext) => readonly Scalar[] {
  if (isVariable(operand)) {
    // Where it may not be empty, empty is as good as unset: "none of nothing" and "all of nothing" hold for everything.
    const read = use(operand, variables, (value) => isListOf(type, value) && (mayBeEmpty || value.length > 0))
    return (context) => read(context) as readonly Scalar[]
  }
  if (operand === undefined || operand.length === 0) throw new RangeError('an empty list tests nothing')
  const readers = operand.map((item) => compileOperand(item, type, variables))
  if (!operand.some(isVariable)) return () => operand as readonly Scalar[]
  return (context) => readers.map((read) => read(context))
}

function use(variable: Variable, variables: UsedVariable[], fits: (value: unknown) => boolean): VariableReader {
  const read = compileVariable(variable.$var)
  variables.push({ path: variable.$var, isSet: (context) => fits(read(context)) })
  return read
}
