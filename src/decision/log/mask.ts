/** What of a record nobody may see: paths of a setting, and records in which their values are masked. Pure. Floor 5. */
import { didYouMean } from '../../ground/nearest.ts'
import type { DecisionRecord } from '../../model/decision-record.ts'
import { MASK_PATHS_MAX } from '../../model/observation-limits.ts'
import type { PermissionEntry } from '../../model/policy.ts'

export const MASKED = '[masked]'

/** What a mask may name, beside `resource.attributes.<name>`: data of people and of what they work on. */
export const MASK_PATHS = [
  'user',
  'requestId',
  'caller.name',
  'resource.type',
  'resource.id',
  'resource.attributes',
  'assignments',
] as const
const ATTRIBUTE_PATH = /^resource\.attributes\.([A-Za-z][A-Za-z0-9_-]*)$/
const MASKABLE = `can be masked: ${MASK_PATHS.join(', ')}, resource.attributes.<name>`

/** Fields of a record that stay, and why. */
const NEVER_MASKED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['tenant', 'permission', 'permissions', 'via', 'roles', 'caller', 'caller.id', 'allowed', 'reason', 'policyRevision', 'position'].map(
      (path) => [path, 'readers are kept to their tenants, and reports counted, by what is decided for whom'],
    ),
  ),
  resource: 'name what of it: resource.type, resource.id, resource.attributes',
  // Not attributes in a record, so that a mask of them would hide nothing.
  'resource.attributes.id': 'it is not among the attributes of a record: name resource.id',
  'resource.attributes.type': 'it is not among the attributes of a record: name resource.type',
}

export interface Mask {
  /** In the order in which they were written. */
  readonly paths: readonly string[]
  /** Those of a resource that it names one by one. */
  readonly attributes: readonly string[]
  of(record: DecisionRecord): DecisionRecord
}

/** Separated by commas. @returns a text that says what is wrong with it */
export function parseMask(text: string): Mask | string {
  const paths = [...new Set(text.split(',').map((path) => path.trim()))]
  if (paths.length > MASK_PATHS_MAX) return `names more than ${MASK_PATHS_MAX} paths`
  for (const path of paths) {
    if (path === '') return `has nothing where a path should be; ${MASKABLE}`
    const reason = Object.hasOwn(NEVER_MASKED, path) ? NEVER_MASKED[path] : undefined
    if (reason !== undefined) return `"${path}" cannot be masked: ${reason}; ${MASKABLE}`
    if (MASK_PATHS.includes(path as (typeof MASK_PATHS)[number]) || ATTRIBUTE_PATH.test(path)) continue
    const near = didYouMean(path, MASK_PATHS)
    return `"${path.slice(0, 100)}" is nothing that can be masked; ${near ?? MASKABLE}`
  }
  return maskOf(paths)
}

/** Attributes that a mask names and no permission has in its records: as a typing error looks, which leaves a value in clear. */
export function idleAttributes({ attributes }: Mask, permissions: Iterable<Pick<PermissionEntry, 'log'>>): readonly string[] {
  const logged = new Set([...permissions].flatMap(({ log }) => log ?? []))
  return attributes.filter((name) => !logged.has(name))
}

function maskOf(paths: readonly string[]): Mask {
  const named = new Set(paths)
  const attributes = new Set(paths.flatMap((path) => ATTRIBUTE_PATH.exec(path)?.[1] ?? []))
  const allAttributes = named.has('resource.attributes')
  const text = (path: string, value: string) => (named.has(path) ? MASKED : value)
  const masksResource = paths.some((path) => path.startsWith('resource.'))

  const resourceOf = (resource: NonNullable<DecisionRecord['resource']>) => ({
    ...(resource.type === undefined ? {} : { type: text('resource.type', resource.type) }),
    ...(resource.id === undefined ? {} : { id: text('resource.id', resource.id) }),
    ...(resource.attributes === undefined
      ? {}
      : {
          attributes: Object.fromEntries(
            Object.entries(resource.attributes).map(([name, value]) => [name, allAttributes || attributes.has(name) ? MASKED : value]),
          ),
        }),
  })
  return {
    paths,
    attributes: [...attributes],
    of: (record) => ({
      ...record,
      requestId: text('requestId', record.requestId),
      caller: { id: record.caller.id, name: text('caller.name', record.caller.name) },
      ...(record.user === undefined ? {} : { user: text('user', record.user) }),
      ...(record.resource === undefined || !masksResource ? {} : { resource: resourceOf(record.resource) }),
      assignments: record.assignments.length > 0 && named.has('assignments') ? [MASKED] : record.assignments,
    }),
  }
}
