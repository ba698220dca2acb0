/** What an application holds about a thing → JSON of our own, as it was when it asked. Types of attributes are the catalogue's matter. Floor 6. */
import { ATTRIBUTE_DEPTH_MAX, BODY_BYTES_MAX } from '../../model/limits.ts'
import { textFault } from '../../wire/attributes.ts'
import type { Resource } from '../client.ts'
import { VALUE_OVERHEAD_BYTES } from '../limits.ts'
import { tooLarge, unreadable, wrongQuestion } from './wrong-question.ts'

/**
 * As JSON.stringify would write it and JSON.parse read it; what would become something else on the way is refused. Ends at the first fault, and where it
 * is larger than any question: an entity with its relations may be without end.
 * @param field of the resource, for the error
 * @throws InvalidRequestError
 */
export function plainResource(resource: unknown, field: string): Resource {
  const copying: Copying = { path: [], around: [], bytes: 0 }
  try {
    if (typeof resource === 'object' && resource !== null && !Array.isArray(resource)) {
      const copy = copyOf(resource, copying)
      if (typeof copy === 'object' && copy !== null && !Array.isArray(copy)) return copy as Resource
    }
    throw new Unfit('must be an object of attributes')
  } catch (fault) {
    if (fault instanceof TooLarge) throw tooLarge(field)
    const where = field + placeOf(copying.path)
    throw fault instanceof Unfit ? wrongQuestion([{ field: where, message: fault.message }]) : unreadable(where, fault)
  }
}

interface Copying {
  /** Names and places from the resource to the value that is read. */
  readonly path: (string | number)[]
  /** The objects that it stands in; at most ATTRIBUTE_DEPTH_MAX. */
  readonly around: object[]
  /** At least what `measured` counts. */
  bytes: number
}

class Unfit extends Error {}
class TooLarge extends Error {}

function copyOf(value: unknown, copying: Copying): unknown {
  copying.bytes += VALUE_OVERHEAD_BYTES
  if (copying.bytes > BODY_BYTES_MAX) throw new TooLarge()
  switch (typeof value) {
    case 'string':
      return textOf(value, copying)
    case 'number':
      if (Number.isFinite(value)) return value
      throw new Unfit('must be a finite number')
    case 'boolean':
      return value
    case 'object':
      return value === null ? null : objectOf(value, copying)
    default:
      throw new Unfit(`must be what JSON can carry, not ${typeof value}`)
  }
}

function textOf(text: string, copying: Copying): string {
  copying.bytes += text.length
  if (copying.bytes > BODY_BYTES_MAX) throw new TooLarge()
  const fault = textFault(text)
  if (fault !== undefined) throw new Unfit(fault)
  return text
}

function objectOf(value: object, copying: Copying): unknown {
  if (copying.around.includes(value)) throw new Unfit('must not contain itself')
  copying.around.push(value)
  const copy = spokenFor(value, copying)
  copying.around.pop()
  return copy
}

/** A moment is a text of JSON; what says nothing of itself is taken by its own properties. */
function spokenFor(value: object, copying: Copying): unknown {
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON !== 'function') return fieldsOf(value, copying)
  const said: unknown = toJSON.call(value, String(copying.path.at(-1) ?? ''))
  // A moment that is none says so; in JSON nothing would be left of it.
  if (said === null) throw new Unfit('must have a value: its toJSON says null')
  return typeof said === 'object' ? fieldsOf(said, copying) : copyOf(said, copying)
}

function fieldsOf(value: object, copying: Copying): unknown {
  const { path, around } = copying
  if (around.length > ATTRIBUTE_DEPTH_MAX) throw new Unfit(`must not nest deeper than ${ATTRIBUTE_DEPTH_MAX}`)
  if (Array.isArray(value)) {
    const list: unknown[] = []
    for (let index = 0; index < value.length; index += 1) {
      path.push(index)
      list.push(copyOf(value[index], copying))
      path.pop()
    }
    return list
  }
  refuseOpaque(value)
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    if (name === '__proto__') throw new Unfit('must not contain the name "__proto__"')
    path.push(name)
    const item = (value as Readonly<Record<string, unknown>>)[name]
    if (item !== undefined) {
      nameOf(name, copying)
      copy[name] = copyOf(item, copying)
    }
    path.pop()
  }
  return copy
}

function nameOf(name: string, copying: Copying): void {
  copying.bytes += name.length
  const fault = textFault(name)
  if (fault === undefined) return
  copying.path.pop()
  throw new Unfit(`has a name that ${fault}`)
}

/** What holds its content elsewhere than in its own properties (Map, Set, Promise, a boxed text, a query that nobody awaited) would travel as nothing. */
function refuseOpaque(value: object): void {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  if (tag !== 'Object')
    throw new Unfit(`must be a plain object, a list, a text, a number or a boolean, not ${tag.slice(0, 40).toWellFormed()}`)
  if (typeof (value as { readonly then?: unknown }).then === 'function')
    throw new Unfit('must be there: it is a promise that nobody awaited')
}

const PLACE_CHARACTERS_MAX = 200

function placeOf(path: readonly (string | number)[]): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step.slice(0, PLACE_CHARACTERS_MAX)}`)).join('')
  return text.slice(0, PLACE_CHARACTERS_MAX).toWellFormed()
}
