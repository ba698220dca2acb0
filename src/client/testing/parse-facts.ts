/** What a test says of facts → facts that the service would take: names of fields, ids, attributes, moments. Keeps nothing. Floor 6. */
import { isInstantMs, parseInstantMs } from '../../ground/instant.ts'
import { findNearest } from '../../ground/nearest.ts'
import type { Attributes } from '../../model/condition.ts'
import { RequestError } from '../../model/error-code.ts'
import { idFault } from '../../model/ids.ts'
import { STORED_ATTRIBUTES_BYTES_MAX } from '../../model/limits.ts'
import { plainResource } from '../asking/plain-resource.ts'
import { InvalidRequestError } from '../errors.ts'

/** A moment: a Date, or RFC 3339 text such as "2027-03-01T08:00:00Z". */
export type Moment = Date | string

/**
 * The object itself: a misspelt `until` would be a role without end.
 * @throws RequestError
 */
export function requireFields<Given extends object>(what: string, given: Given, known: readonly (keyof Given & string)[]): Given {
  if (typeof given !== 'object' || given === null) throw new RequestError([{ field: what, message: 'must be an object' }])
  const unknown = Object.keys(given).filter((name) => !(known as readonly string[]).includes(name))
  if (unknown.length === 0) return given
  throw new RequestError(
    unknown.map((name) => ({ field: name.slice(0, NAME_CHARACTERS_MAX).toWellFormed(), message: unknownMessage(name, known) })),
  )
}

const NAME_CHARACTERS_MAX = 64

function unknownMessage(name: string, known: readonly string[]): string {
  const near = findNearest(name, known)
  return near === undefined ? `is not known; there are ${known.join(', ')}` : `is not known; did you mean "${near}"?`
}

/** @throws RequestError */
export function requireIds(ids: Readonly<Record<string, unknown>>): void {
  const violations = Object.entries(ids).flatMap(([field, id]) => {
    const fault = id === undefined ? 'is required' : typeof id === 'string' ? idFault(id) : 'must be a text'
    return fault === undefined ? [] : [{ field, message: fault }]
  })
  if (violations.length > 0) throw new RequestError(violations)
}

/** @throws RequestError */
export function parseState(field: string, given: unknown): boolean | undefined {
  if (given === undefined || typeof given === 'boolean') return given
  throw new RequestError([{ field, message: 'must be true or false' }])
}

/**
 * A copy, as the service would keep it: what the test changes afterwards changes nothing here.
 * @throws RequestError
 */
export function parseAttributes(given: unknown): Attributes | undefined {
  if (given === undefined) return undefined
  const attributes = copyOf(given)
  if (attributes !== undefined && Buffer.byteLength(JSON.stringify(attributes)) <= STORED_ATTRIBUTES_BYTES_MAX) return attributes
  throw new RequestError([{ field: 'attributes', message: `must be at most ${STORED_ATTRIBUTES_BYTES_MAX} bytes of JSON` }])
}

/** By the rules of a resource. Absent: larger than even a resource may be. */
function copyOf(given: unknown): Attributes | undefined {
  try {
    return plainResource(given, 'attributes')
  } catch (fault) {
    if (!(fault instanceof InvalidRequestError)) throw fault
    if (fault.code === 'body_too_large') return undefined
    throw new RequestError(fault.violations)
  }
}

/** @throws RequestError */
export function instantMs(field: string, moment: unknown): number {
  const ms = moment instanceof Date ? moment.getTime() : typeof moment === 'string' ? parseInstantMs(moment) : undefined
  if (ms !== undefined && isInstantMs(ms)) return ms
  throw new RequestError([
    { field, message: 'must be a Date, or an instant with an offset such as "2027-03-01T08:00:00Z", from 1970 to 9999' },
  ])
}
