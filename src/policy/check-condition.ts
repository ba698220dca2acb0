/** Faults in `when` of a role: operators, operands against declared types, variables. Compiles nothing. Floor 2. */

import { didYouMean } from '../ground/nearest.ts'
import type { AttributeType } from '../model/policy.ts'
import { CONDITION_ATTRIBUTES_MAX, CONDITION_VALUES_MAX } from '../model/policy-limits.ts'
import { elementType, IMPLICIT_ATTRIBUTES, isList, OPERATORS, type Operator } from './condition.ts'
import { isVariablePath } from './grammar.ts'
import { clip } from './parse.ts'
import { childOf, entriesOf, type FaultList, type SourceEntry, type SourceMap, type SourceNode, textOf } from './source.ts'

/** @param attributes declared by the permission; `undefined` when the permission itself is unknown */
export function checkCondition(when: SourceNode, attributes: ReadonlyMap<string, AttributeType> | undefined, faults: FaultList): void {
  if (when.kind !== 'map') {
    faults.error(when.at, 'wrong-type', '"when" must be a mapping of attributes to tests')
    return
  }
  if (when.entries.length === 0)
    faults.error(when.at, 'condition-empty', 'an empty condition would hold for everything', 'remove "when" to grant without a condition')
  if (when.entries.length > CONDITION_ATTRIBUTES_MAX)
    faults.error(when.at, 'limit-exceeded', `more than ${CONDITION_ATTRIBUTES_MAX} attributes in one condition`)
  for (const entry of when.entries) checkAttribute(entry, attributes, faults)
}

function checkAttribute(
  { key, keyAt, value }: SourceEntry,
  attributes: ReadonlyMap<string, AttributeType> | undefined,
  faults: FaultList,
): void {
  if (key.startsWith('$')) {
    faults.error(keyAt, 'operator-misplaced', `"${clip(key)}" stands where an attribute belongs`, 'write attribute: { $operator: value }')
    return
  }
  const type = attributes?.get(key) ?? (Object.hasOwn(IMPLICIT_ATTRIBUTES, key) ? IMPLICIT_ATTRIBUTES[key] : undefined)
  if (type === undefined && attributes !== undefined)
    faults.error(
      keyAt,
      'attribute-undeclared',
      `the catalogue declares no attribute "${clip(key)}" for this permission`,
      didYouMean(key, attributes.keys()) ?? 'add it to "attributes" of the permission',
    )
  if (value.kind === 'list') faults.error(value.at, 'wrong-type', 'a list is no test', 'write { $in: [...] } or { $all: [...] }')
  else if (value.kind === 'scalar') checkEquals(value, type, faults)
  else if (value.entries.length === 0) faults.error(value.at, 'condition-empty', `"${clip(key)}" has no test`)
  else if (value.entries.length === 1 && value.entries[0]?.key === '$var') checkEquals(value, type, faults)
  else checkTests(value, type, faults)
}

/** `attribute: value` stands for `attribute: { $eq: value }`. */
function checkEquals(value: SourceNode, type: AttributeType | undefined, faults: FaultList): void {
  if (type !== undefined && isList(type))
    faults.error(value.at, 'attribute-type', 'the attribute is a list', 'test it with $all, $size or $exists')
  else checkOperand(value, type, faults)
}

function checkTests(tests: SourceMap, type: AttributeType | undefined, faults: FaultList): void {
  const exists = childOf(tests, '$exists')
  const mustExist = exists?.kind === 'scalar' && exists.value === true
  for (const { key, keyAt, value } of tests.entries) {
    const operator = OPERATORS.find((known) => known === key)
    if (operator === undefined) {
      refuseOperator(key, keyAt, faults)
      continue
    }
    if (type !== undefined) checkFits(operator, keyAt, type, faults)
    checkOperator(operator, value, type, faults)
    if ((operator === '$ne' || operator === '$nin') && !mustExist)
      faults.error(keyAt, 'exists-required', `${operator} also holds for an attribute that is not there`, 'add $exists: true beside it')
  }
  if (exists?.kind === 'scalar' && exists.value === false && tests.entries.length > 1)
    faults.error(exists.at, 'condition-contradiction', 'an attribute that is not there passes no other test')
}

function refuseOperator(key: string, at: SourceEntry['keyAt'], faults: FaultList): void {
  if (key === '$var') faults.error(at, 'operator-misplaced', '$var must be a whole operand', 'write $eq: { $var: user.id }')
  else if (key === '$regex')
    faults.error(at, 'operator-unknown', '$regex is not allowed: a pattern can be made to run for ever', 'use $eq or $in')
  else if (key === '$where') faults.error(at, 'operator-unknown', '$where is not allowed: policies hold no code')
  else if (key.startsWith('$'))
    faults.error(at, 'operator-unknown', `"${clip(key)}" is no operator`, didYouMean(key, OPERATORS) ?? `known: ${OPERATORS.join(' ')}`)
  else faults.error(at, 'operator-unknown', `"${clip(key)}" is no operator`, 'attributes are flat: tests of an attribute begin with $')
}

function checkFits(operator: Operator, at: SourceEntry['keyAt'], type: AttributeType, faults: FaultList): void {
  const forLists = operator === '$all' || operator === '$size'
  if (operator === '$exists') return
  if (isList(type) && !forLists)
    faults.error(at, 'attribute-type', `${operator} is for single values and the attribute is a list`, 'use $all, $size or $exists')
  else if (!isList(type) && forLists) faults.error(at, 'attribute-type', `${operator} is for lists and the attribute is a ${type}`)
  else if (type === 'boolean' && ['$lt', '$lte', '$gt', '$gte'].includes(operator))
    faults.error(at, 'attribute-type', `${operator} has no meaning for a boolean`)
}

function checkOperator(operator: Operator, value: SourceNode, type: AttributeType | undefined, faults: FaultList): void {
  if (value.kind === 'scalar' && value.value === null)
    faults.error(value.at, 'operand-null', 'null is no value to compare with', 'use { $exists: false }')
  else if (operator === '$exists') {
    if (value.kind !== 'scalar' || typeof value.value !== 'boolean') faults.error(value.at, 'operand-type', '$exists takes true or false')
  } else if (operator === '$size') {
    const size = value.kind === 'scalar' ? value.value : undefined
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      faults.error(value.at, 'operand-type', '$size takes a whole number from 0')
  } else if (operator === '$in' || operator === '$nin' || operator === '$all') checkOperands(operator, value, type, faults)
  else checkOperand(value, type, faults)
}

function checkOperands(operator: Operator, value: SourceNode, type: AttributeType | undefined, faults: FaultList): void {
  if (value.kind === 'map') {
    if (checkVariable(value, faults) !== undefined && isIdVariable(value))
      faults.error(value.at, 'operand-type', `${operator} takes a list, and an id is none`, 'write it in brackets')
    return
  }
  if (value.kind !== 'list') {
    faults.error(value.at, 'operand-type', `${operator} takes a list or { $var: ... }`)
    return
  }
  if (value.items.length === 0)
    faults.error(value.at, 'operand-empty', `${operator} of nothing`, 'an empty list is refused: it holds for all or for none')
  if (value.items.length > CONDITION_VALUES_MAX)
    faults.error(value.at, 'limit-exceeded', `more than ${CONDITION_VALUES_MAX} values`, 'use a variable')
  for (const item of value.items) checkOperand(item, type, faults)
}

function checkOperand(node: SourceNode, type: AttributeType | undefined, faults: FaultList): void {
  const element = type === undefined ? undefined : elementType(type)
  if (node.kind === 'map') {
    checkVariable(node, faults)
    if (isIdVariable(node) && element !== undefined && element !== 'string')
      faults.error(node.at, 'operand-type', `an id is text and the attribute is a ${element}`)
  } else if (node.kind === 'list') faults.error(node.at, 'operand-type', 'a single value is wanted here')
  else if (node.value === null) faults.error(node.at, 'operand-null', 'null is no value to compare with', 'use { $exists: false }')
  else if (
    typeof node.value === 'number' &&
    (!Number.isFinite(node.value) || (Number.isInteger(node.value) && !Number.isSafeInteger(node.value)))
  )
    faults.error(node.at, 'operand-type', 'the number is not finite or too large to be exact')
  else if (element !== undefined && typeof node.value !== element)
    faults.error(
      node.at,
      'operand-type',
      `is a ${typeof node.value} and the attribute is a ${element}`,
      element === 'string' ? 'put it in quotes' : undefined,
    )
}

function checkVariable(node: SourceMap, faults: FaultList): string | undefined {
  const operand = childOf(node, '$var')
  if (operand === undefined || node.entries.length > 1) {
    faults.error(node.at, 'operand-type', 'a mapping as operand is { $var: ... } and nothing else')
    return undefined
  }
  const path = textOf(operand)
  if (path !== undefined && isVariablePath(path)) return path
  faults.error(
    operand.at,
    'variable-unknown',
    `"${clip(path ?? '')}" is no variable`,
    (path === undefined ? undefined : didYouMean(path, ['user.id', 'tenant.id'])) ??
      'user.id, tenant.id, user.attributes.<name> or tenant.attributes.<name>',
  )
  return undefined
}

function isIdVariable(node: SourceMap): boolean {
  const path = textOf(entriesOf(node)[0]?.value)
  return path === 'user.id' || path === 'tenant.id'
}
