/** What of a record nobody may see: paths of a setting, and records in which their values are masked. Pure. Floor 5. */
import { didYouMean } from '../../ground/nearest.ts'
import type { DecisionRecord } from '../../model/decision-record.ts'
import { MASK_PATHS_MAX } from '../../model/observation-limits.ts'

export const MASKED = '[masked]'

/** What a mask may name, beside `resource.attributes.<name>`. What a record is and what was decided is never masked: it would be no record. */
export const MASK_PATHS = [
  'requestId',
  'caller',
  'caller.id',
  'caller.name',
  'user',
  'tenant',
  'resource',
  'resource.type',
  'resource.id',
  'resource.attributes',
  'roles',
  'via',
  'assignments',
] as const
const ATTRIBUTE_PATH = /^resource\.attributes\.([A-Za-z][A-Za-z0-9_-]*)$/

export interface Mask {
  /** In the order in which they were written. */
  readonly paths: readonly string[]
  of(record: DecisionRecord): DecisionRecord
}

/** Separated by commas. @returns a text that says what is wrong with it */
export function parseMask(text: string): Mask | string {
  const paths = [...new Set(text.split(',').map((path) => path.trim()))]
  if (paths.length > MASK_PATHS_MAX) return `names more than ${MASK_PATHS_MAX} paths`
  for (const path of paths) {
    if (MASK_PATHS.includes(path as (typeof MASK_PATHS)[number]) || ATTRIBUTE_PATH.test(path)) continue
    const near = didYouMean(path, MASK_PATHS)
    return `"${path.slice(0, 100)}" is nothing that can be masked${near === undefined ? '' : `; ${near}`}`
  }
  return maskOf(paths)
}

function maskOf(paths: readonly string[]): Mask {
  const named = new Set(paths)
  const whole = (path: string) => named.has(path) || (path.includes('.') && named.has(path.slice(0, path.lastIndexOf('.'))))
  const attributes = new Set(paths.flatMap((path) => ATTRIBUTE_PATH.exec(path)?.[1] ?? []))
  const allAttributes = whole('resource.attributes')
  const text = (path: string, value: string) => (whole(path) ? MASKED : value)
  const list = (path: string, values: readonly string[]) => (values.length > 0 && whole(path) ? [MASKED] : values)
  const masksResource = allAttributes || attributes.size > 0 || ['resource.type', 'resource.id'].some(whole)

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
    of: (record) => ({
      ...record,
      requestId: text('requestId', record.requestId),
      caller: { id: text('caller.id', record.caller.id), name: text('caller.name', record.caller.name) },
      ...(record.user === undefined ? {} : { user: text('user', record.user) }),
      ...(record.tenant === undefined ? {} : { tenant: text('tenant', record.tenant) }),
      ...(record.resource === undefined || !masksResource ? {} : { resource: resourceOf(record.resource) }),
      roles: list('roles', record.roles),
      via: list('via', record.via),
      assignments: list('assignments', record.assignments),
    }),
  }
}
