/** Holds one document against the schema of its kind; each deviation becomes a fault with a place. Knows no other document. Floor 2. */
import { z } from 'zod'
import { didYouMean } from '../ground/nearest.ts'
import { clip } from './parse.ts'
import {
  type CatalogueDocument,
  type ConstraintsDocument,
  KINDS,
  type Kind,
  type PolicyTestDocument,
  type RoleBundleDocument,
  schemas,
} from './schema.ts'
import { childOf, entriesOf, type FaultList, locate, type SourceNode, textOf, toPlain } from './source.ts'

/** A document of a known kind; `typed` only when its shape is right. The tree is there in any case, to find the other faults. */
export type KnownDocument =
  | { readonly kind: 'PermissionCatalogue'; readonly root: SourceNode; readonly typed?: CatalogueDocument }
  | { readonly kind: 'RoleBundle'; readonly root: SourceNode; readonly typed?: RoleBundleDocument }
  | { readonly kind: 'Constraints'; readonly root: SourceNode; readonly typed?: ConstraintsDocument }
  | { readonly kind: 'PolicyTest'; readonly root: SourceNode; readonly typed?: PolicyTestDocument }

export function checkShape(root: SourceNode, faults: FaultList): KnownDocument | undefined {
  if (root.kind !== 'map') {
    faults.error(root.at, 'wrong-type', 'a policy document must be a mapping', 'start it with "apiVersion: castellan/v1"')
    return undefined
  }
  const kindNode = childOf(root, 'kind')
  const kind = KINDS.find((known) => known === textOf(kindNode))
  if (kind === undefined) {
    if (kindNode === undefined) faults.error(root.at, 'missing-key', '"kind" is missing', `one of ${KINDS.join(', ')}`)
    else {
      const near = didYouMean(textOf(kindNode) ?? '', KINDS) ?? `one of ${KINDS.join(', ')}`
      faults.error(kindNode.at, 'unknown-kind', `"${clip(textOf(kindNode) ?? '')}" is no kind of policy document`, near)
    }
    return undefined
  }
  return checkAs(kind, root, faults)
}

function checkAs(kind: Kind, root: SourceNode, faults: FaultList): KnownDocument {
  const plain = toPlain(root)
  switch (kind) {
    case 'PermissionCatalogue':
      return { kind, root, ...typed(schemas[kind], plain, root, faults) }
    case 'RoleBundle':
      return { kind, root, ...typed(schemas[kind], plain, root, faults) }
    case 'Constraints':
      return { kind, root, ...typed(schemas[kind], plain, root, faults) }
    case 'PolicyTest':
      return { kind, root, ...typed(schemas[kind], plain, root, faults) }
  }
}

function typed<T>(schema: z.ZodType<T>, plain: unknown, root: SourceNode, faults: FaultList): { readonly typed?: T } {
  const read = schema.safeParse(plain)
  if (read.success) return { typed: read.data }
  const mistyped = new Set(read.error.issues.filter((issue) => issue.code === 'invalid_type').map((issue) => issue.path.join('\n')))
  for (const issue of read.error.issues) {
    // A list where text belongs is not also "too short".
    if (issue.code === 'invalid_type' || !mistyped.has(issue.path.join('\n'))) report(issue, [], schema, root, faults)
  }
  return {}
}

type Issue = z.core.$ZodIssue

function report(issue: Issue, above: readonly PropertyKey[], schema: z.ZodType, root: SourceNode, faults: FaultList): void {
  const path = [...above, ...issue.path]
  const { node, keyAt, found } = locateFully(root, path)
  if (!found) {
    faults.error(keyAt, 'missing-key', `"${String(path.at(-1))}" is missing`)
    return
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        const entry = entriesOf(node).find((candidate) => candidate.key === key)
        faults.error(entry?.keyAt ?? keyAt, 'unknown-key', `"${clip(key)}" is no key here`, keyHint(key, schema, path, node))
      }
      return
    case 'invalid_type':
      faults.error(node.at, 'wrong-type', `must be ${WORDS[issue.expected] ?? issue.expected}`)
      return
    case 'invalid_value': {
      const values = issue.values.map(String)
      const given = textOf(node)
      faults.error(
        node.at,
        'invalid-value',
        values.length === 1 ? `must be "${values[0]}"` : `must be one of ${values.join(', ')}`,
        given === undefined || values.length === 1 ? undefined : didYouMean(given, values),
      )
      return
    }
    case 'invalid_union': {
      const branch = chooseBranch(issue.errors)
      if (branch !== undefined) for (const inner of branch) report(inner, path, schema, root, faults)
      else if (issue.errors.length > 0) faults.error(node.at, 'wrong-type', 'must be text or a mapping')
      else
        faults.error(
          node.at,
          'invalid-value',
          'must be separation-of-duty or max-roles-per-tenant',
          didYouMean(textOf(node) ?? '', CONSTRAINT_TYPES),
        )
      return
    }
    case 'too_big':
      if (issue.origin === 'string') faults.error(node.at, 'limit-exceeded', `longer than ${issue.maximum} characters`)
      else if (issue.origin === 'array') faults.error(node.at, 'limit-exceeded', `more than ${issue.maximum} entries`)
      else faults.error(node.at, 'limit-exceeded', `must be at most ${issue.maximum}`)
      return
    case 'too_small':
      // Nothing but texts and lists has a least size, and that is one.
      faults.error(node.at, 'invalid-value', 'must not be empty')
      return
    default:
      faults.error(node.at, 'invalid-value', lowerFirst(issue.message))
  }
}

const CONSTRAINT_TYPES = ['separation-of-duty', 'max-roles-per-tenant']
const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

function locateFully(root: SourceNode, path: readonly PropertyKey[]): ReturnType<typeof locate> & { readonly found: boolean } {
  const place = locate(root, path)
  const last = path.at(-1)
  if (last === undefined) return { ...place, found: true }
  const above = locate(root, path.slice(0, -1)).node
  const found =
    typeof last === 'number' ? above.kind === 'list' && last < above.items.length : entriesOf(above).some(({ key }) => key === last)
  return { ...place, found }
}

/** The branch of a union that was meant: the one whose own type fits. */
function chooseBranch(errors: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return errors.find((branch) => !branch.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0))
}

/** The nearest key that is known and not there yet; otherwise which keys there are. */
function keyHint(key: string, schema: z.ZodType, path: readonly PropertyKey[], node: SourceNode): string | undefined {
  const here = schemaAt(schema, path)
  if (here === undefined) return undefined
  const known = Object.keys(here.shape)
  const free = known.filter((candidate) => !entriesOf(node).some((entry) => entry.key === candidate))
  return didYouMean(key, free) ?? (free.length > 0 && free.length <= 12 ? `known here: ${free.join(', ')}` : undefined)
}

function schemaAt(schema: unknown, path: readonly PropertyKey[]): z.ZodObject | undefined {
  let here = unwrap(schema)
  for (const step of path) {
    if (here instanceof z.ZodObject) here = unwrap(here.shape[String(step)])
    else if (here instanceof z.ZodRecord) here = unwrap(here.valueType)
    else if (here instanceof z.ZodArray) here = unwrap(here.element)
    else return undefined
  }
  return here instanceof z.ZodObject ? here : undefined
}

/** Through defaults and options to what is inside; of a union, the mapping. */
function unwrap(schema: unknown): unknown {
  let here = schema
  while (here instanceof z.ZodDefault || here instanceof z.ZodExactOptional) here = here.def.innerType
  return here instanceof z.ZodUnion ? here.options.find((option) => option instanceof z.ZodObject) : here
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
