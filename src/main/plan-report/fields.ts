/** Reads the fields of an answer one by one and refuses what is missing or of another type. Knows no answer. Floor 6. */
import { CommandError, EXIT } from '../command-line/exit.ts'
import { plain } from '../command-line/terminal.ts'

export interface Fields {
  readonly value: Readonly<Record<string, unknown>>
  /** Where it stands in the answer: `summary.byRole[3]`. */
  readonly at: string
}

/** What came is not what this version of the command line reads: nothing is concluded from a part of it. */
export class UnreadablePlanError extends CommandError {
  constructor(what: string) {
    super(
      EXIT.fault,
      `The service answered what is not a plan of this version: ${plain(what)}.`,
      'Use the castellan of the version that the service has.',
    )
    this.name = 'UnreadablePlanError'
  }
}

export function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal(at, 'an object')
  return { value: value as Fields['value'], at }
}

export function fieldsIn(fields: Fields, name: string): Fields {
  return fieldsOf(own(fields, name), path(fields, name))
}

export function textIn(fields: Fields, name: string): string {
  const value = own(fields, name)
  if (typeof value !== 'string') throw refusal(path(fields, name), 'a text')
  return value
}

export function flagIn(fields: Fields, name: string): boolean {
  const value = own(fields, name)
  if (typeof value !== 'boolean') throw refusal(path(fields, name), 'true or false')
  return value
}

/** A whole number, 0 or more. */
export function countIn(fields: Fields, name: string): number {
  const value = own(fields, name)
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw refusal(path(fields, name), 'a whole number, 0 or more')
  return value
}

export function oneOfIn<Word extends string>(fields: Fields, name: string, words: readonly Word[]): Word {
  const value = own(fields, name)
  const word = words.find((one) => one === value)
  if (word === undefined) throw refusal(path(fields, name), `one of ${words.join(', ')}`)
  return word
}

/** Milliseconds since the epoch of an instant as the wire writes it; absent: `undefined`. */
export function instantIn(fields: Fields, name: string): number | undefined {
  const value = own(fields, name)
  if (value === undefined) return undefined
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(atMs)) throw refusal(path(fields, name), 'an instant')
  return atMs
}

export function listIn<Item>(fields: Fields, name: string, read: (value: unknown, at: string) => Item): readonly Item[] {
  const value = own(fields, name)
  if (!Array.isArray(value)) throw refusal(path(fields, name), 'a list')
  return value.map((item, index) => read(item, `${path(fields, name)}[${index}]`))
}

export function textOf(value: unknown, at: string): string {
  if (typeof value !== 'string') throw refusal(at, 'a text')
  return value
}

/** What a prototype would bring does not count as said. */
function own({ value }: Fields, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}

function path({ at }: Fields, name: string): string {
  return at === '' ? name : `${at}.${name}`
}

function refusal(at: string, wanted: string): UnreadablePlanError {
  return new UnreadablePlanError(`${at === '' ? 'a line' : at} is not ${wanted}`)
}
