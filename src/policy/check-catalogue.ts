/** Faults of meaning in permission catalogues: names, codes, tombstones, attributes, deprecations. Floor 2. */

import { didYouMean } from '../ground/nearest.ts'
import type { AttributeType } from '../model/policy.ts'
import { CONDITION_ATTRIBUTES_MAX, PERMISSIONS_MAX } from '../model/policy-limits.ts'
import { isAttributeName, isCode, isDate } from './grammar.ts'
import { checkName, checkNew, type Names } from './names.ts'
import { clip } from './parse.ts'
import { ATTRIBUTE_TYPES } from './schema.ts'
import { childOf, entriesOf, type FaultList, itemsOf, type Place, type SourceEntry, type SourceNode, textOf } from './source.ts'

/** First of two passes: what catalogues say by themselves; fills `names`. */
export function collectCatalogue(root: SourceNode, names: Names, faults: FaultList): void {
  for (const entry of entriesOf(childOf(root, 'permissions'))) collectPermission(entry, names, faults)
  for (const item of itemsOf(childOf(root, 'reserved'))) collectTombstone(item, names, faults)
}

/** Second pass, when all names of all files are known. */
export function checkCatalogues(roots: readonly SourceNode[], names: Names, faults: FaultList): void {
  const first = names.permissions.values().next().value
  if (names.permissions.size > PERMISSIONS_MAX && first !== undefined)
    faults.error(first.at, 'limit-exceeded', `more than ${PERMISSIONS_MAX} permissions in one bundle`)
  for (const [name, { at }] of names.permissions) {
    if (names.retired.has(name))
      faults.error(at, 'name-retired', `"${name}" was removed once and gets no second meaning`, retiredHint(name, names))
    if (names.roles.has(name)) faults.error(at, 'name-collision', `"${name}" is the name of a role, too`)
  }
  for (const [code, { at, permission }] of names.codes) {
    if (names.retired.has(code))
      faults.error(at, 'name-retired', `code "${code}" was removed once and gets no second meaning`, retiredHint(code, names))
    if (code !== permission && names.permissions.has(code))
      faults.error(at, 'name-collision', `code "${code}" is the name of another permission`)
    if (names.roles.has(code)) faults.error(at, 'name-collision', `code "${code}" is the name of a role, too`)
  }
  for (const root of roots)
    for (const { key, value } of entriesOf(childOf(root, 'permissions'))) checkReplacement(key, childOf(value, 'deprecated'), names, faults)
}

function collectPermission({ key: name, keyAt, value }: SourceEntry, names: Names, faults: FaultList): void {
  checkName('permission', name, keyAt, faults)
  const deprecated = childOf(value, 'deprecated')
  const attributes = collectAttributes(childOf(value, 'attributes'), faults)
  checkLogged(childOf(value, 'log'), attributes, faults)
  if (checkNew('permission', name, names.permissions, keyAt, faults))
    names.permissions.set(name, {
      at: keyAt,
      deprecated: deprecated !== undefined,
      replacedBy: textOf(childOf(deprecated, 'replacedBy')),
      attributes,
    })
  const codeNode = childOf(value, 'code')
  const code = textOf(codeNode)
  if (codeNode === undefined || code === undefined) return
  if (!isCode(code))
    faults.error(
      codeNode.at,
      'invalid-code',
      `"${clip(code)}" is no code`,
      'at most 16 lower-case letters, digits and dots, such as c.ms.v',
    )
  const other = names.codes.get(code)
  if (other !== undefined)
    faults.error(codeNode.at, 'duplicate-code', `code "${code}" is that of "${other.permission}"`, `in ${other.at.file}:${other.at.line}`)
  else names.codes.set(code, { at: codeNode.at, permission: name })
}

function collectAttributes(node: SourceNode | undefined, faults: FaultList): ReadonlyMap<string, AttributeType> {
  const attributes = new Map<string, AttributeType>()
  const entries = entriesOf(node)
  if (node !== undefined && entries.length > CONDITION_ATTRIBUTES_MAX)
    faults.error(node.at, 'limit-exceeded', `more than ${CONDITION_ATTRIBUTES_MAX} attributes`)
  for (const { key, keyAt, value } of entries) {
    const type = ATTRIBUTE_TYPES.find((known) => known === textOf(value))
    if (!isAttributeName(key))
      faults.error(keyAt, 'invalid-name', `"${clip(key)}" is no attribute name`, 'letters, digits, _ and -, a letter first')
    else if ((key === 'id' || key === 'type') && type !== undefined && type !== 'string')
      faults.error(value.at, 'attribute-type', `"${key}" of a resource is always a string`)
    if (type !== undefined) attributes.set(key, type)
  }
  return attributes
}

/** What a log keeps of people is looked at more than once: a name that means nothing would look like one that is kept. */
function checkLogged(node: SourceNode | undefined, attributes: ReadonlyMap<string, AttributeType>, faults: FaultList): void {
  const seen = new Set<string>()
  for (const item of itemsOf(node)) {
    const name = textOf(item)
    if (name === undefined) continue
    if (!attributes.has(name))
      faults.error(
        item.at,
        'attribute-undeclared',
        `"${clip(name)}" is not among the attributes of this permission`,
        () => didYouMean(name, attributes.keys()) ?? 'add it to "attributes" of the permission',
      )
    else if (seen.has(name)) faults.error(item.at, 'duplicate-name', `"${name}" is named a second time`)
    seen.add(name)
  }
}

function collectTombstone(node: SourceNode, names: Names, faults: FaultList): void {
  const nameNode = childOf(node, 'name')
  const codeNode = childOf(node, 'code')
  const name = textOf(nameNode)
  const code = textOf(codeNode)
  if (nameNode !== undefined && name !== undefined && checkName('permission', name, nameNode.at, faults))
    retire(name, nameNode.at, names, faults)
  if (codeNode !== undefined && code !== undefined) {
    if (isCode(code)) {
      if (code !== name) retire(code, codeNode.at, names, faults)
    } else faults.error(codeNode.at, 'invalid-code', `"${clip(code)}" is no code`)
  }
  checkDate(childOf(node, 'removed'), faults)
}

function retire(name: string, at: Place, names: Names, faults: FaultList): void {
  const first = names.retired.get(name)
  if (first === undefined) names.retired.set(name, at)
  else faults.error(at, 'duplicate-name', `"${name}" is reserved a second time`, `first in ${first.file}:${first.line}`)
}

function retiredHint(name: string, names: Names): string {
  const at = names.retired.get(name)
  return `reserved in ${at?.file}:${at?.line}`
}

function checkReplacement(name: string, deprecated: SourceNode | undefined, names: Names, faults: FaultList): void {
  const since = checkDate(childOf(deprecated, 'since'), faults)
  const removeNode = childOf(deprecated, 'removeAfter')
  const removeAfter = checkDate(removeNode, faults)
  if (removeNode !== undefined && since !== undefined && removeAfter !== undefined && removeAfter < since)
    faults.error(removeNode.at, 'deprecation-invalid', `it would be removed (${removeAfter}) before it is deprecated (${since})`)
  const node = childOf(deprecated, 'replacedBy')
  const successor = textOf(node)
  if (node === undefined || successor === undefined) return
  if (successor === name) faults.error(node.at, 'deprecation-invalid', `"${name}" cannot replace itself`)
  else if (!names.permissions.has(successor))
    faults.error(node.at, 'unknown-permission', `permission "${clip(successor)}" is in no catalogue`, () =>
      didYouMean(successor, names.permissions.keys()),
    )
}

/** A day that looks right (the schema's part) must also exist. */
function checkDate(node: SourceNode | undefined, faults: FaultList): string | undefined {
  const text = textOf(node)
  if (node === undefined || text === undefined) return undefined
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !isDate(text)) faults.error(node.at, 'invalid-value', `there is no day ${text}`)
  return isDate(text) ? text : undefined
}
