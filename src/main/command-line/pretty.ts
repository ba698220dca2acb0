/** Answers of the service in words for a terminal. Decides nothing. Floor 6. */
import type { Json } from './service-client.ts'
import { columns, paint, plain, type Terminal } from './terminal.ts'

/** Digits of a revision that people are shown: enough to name it to the commands. */
const REVISION_DIGITS_SHOWN = 12

export function shortRevision(revision: string): string {
  return revision.slice(0, REVISION_DIGITS_SHOWN)
}

/** A field as one safe line; absent ones are empty. */
export function text(record: Json, field: string): string {
  const value = record[field]
  if (value === undefined || value === null) return ''
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}

export function records(answer: Json, field: string): readonly Json[] {
  const value = answer[field]
  return Array.isArray(value) ? value.filter((one): one is Json => typeof one === 'object' && one !== null) : []
}

export function record(answer: Json, field: string): Json {
  const value = answer[field]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

export function names(answer: Json, field: string): string {
  const value = answer[field]
  return Array.isArray(value) ? value.map((one) => plain(String(one))).join(', ') : ''
}

/** One line for the decision, one for its hint. */
export function prettyDecision(terminal: Terminal, decision: Json): string {
  const word = decision['allowed'] === true ? paint(terminal, 'green', 'allow') : paint(terminal, 'red', 'deny')
  const details = [
    names(decision, 'via') === '' ? '' : `via ${names(decision, 'via')}`,
    ...(['validUntil', 'expiredAt', 'validFrom'] as const).map((field) =>
      text(decision, field) === '' ? '' : `${WORDS[field]} ${text(decision, field)}`,
    ),
  ].filter((one) => one !== '')
  const hint = text(decision, 'hint')
  return `${word}  ${text(decision, 'reason')}${details.length === 0 ? '' : `  ${details.join(', ')}`}\n${hint === '' ? '' : `       ${paint(terminal, 'dim', hint)}\n`}`
}
const WORDS = { validUntil: 'until', expiredAt: 'ended', validFrom: 'from' } as const

/** Rows with a header; a word in place of an empty table. */
export function prettyTable(answer: Json, field: string, header: readonly string[], row: (one: Json) => readonly string[]): string {
  const rows = records(answer, field)
  const body = rows.length === 0 ? 'none\n' : columns([header, ...rows.map(row)])
  return answer['nextPageToken'] === undefined ? body : `${body}… and more: raise --limit\n`
}

/** `name: value` lines of the fields that are there. */
export function prettyFields(one: Json, fields: readonly string[]): string {
  return columns(fields.filter((field) => text(one, field) !== '').map((field) => [`${field}:`, text(one, field)]))
}

/** Words for a change that differ by command. */
export interface ChangeWords {
  /** When it was so already. */
  readonly nothing?: string
  /** Lines below the outcome. */
  readonly more?: string
  /** What holds of a change that was not waited for. */
  readonly unwaited?: string
}

/** A change: what happened and at which position, and in the last line whether it is in force everywhere. */
export function prettyChange(answer: Json, done: string, words: ChangeWords = {}): string {
  const position = text(answer, 'position')
  const { nothing = 'nothing to change', more = '', unwaited = `use --min-position ${position} to ask past it` } = words
  const outcome = `${answer['changed'] === false ? nothing : done}${position === '' ? '' : ` (position ${position})`}\n`
  if (answer['effective'] === true) return `${outcome}${more}in force on every replica\n`
  return `${outcome}${more}${answer['effective'] === false ? `not waited for: ${unwaited}\n` : ''}`
}
