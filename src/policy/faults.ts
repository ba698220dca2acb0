/** What can be wrong with policy files, each fault with its place and a stable code. Finds none itself. Floor 2. */
import { AppError } from '../ground/errors.ts'
import { POLICY_FAULTS_MAX } from '../model/policy-limits.ts'

/** Stable names: scripts and editors may rely on them. */
export type PolicyFaultCode =
  // the text
  | 'unreadable'
  | 'too-large'
  | 'not-text'
  | 'too-deep'
  | 'yaml-syntax'
  | 'duplicate-key'
  | 'key-refused'
  | 'tag-refused'
  | 'alias-refused'
  | 'no-policy'
  // the shape
  | 'unknown-kind'
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'invalid-value'
  | 'limit-exceeded'
  // names
  | 'invalid-name'
  | 'invalid-code'
  | 'reserved-word'
  | 'wildcard-refused'
  | 'duplicate-name'
  | 'duplicate-code'
  | 'duplicate-entry'
  | 'name-retired'
  | 'name-collision'
  | 'unknown-permission'
  | 'unknown-set'
  | 'unknown-role'
  | 'unknown-constraint'
  | 'unknown-person'
  | 'set-in-set'
  // roles
  | 'max-grant-invalid'
  | 'max-grant-without-temporary'
  | 'condition-without-effect'
  | 'deprecated-in-use'
  | 'deprecation-invalid'
  // conditions
  | 'condition-empty'
  | 'operator-unknown'
  | 'operator-misplaced'
  | 'operand-type'
  | 'operand-null'
  | 'operand-empty'
  | 'exists-required'
  | 'condition-contradiction'
  | 'attribute-undeclared'
  | 'attribute-type'
  | 'variable-unknown'
  // constraints and tests
  | 'max-invalid'
  | 'separation-of-duty-broken'
  | 'temporary-without-end'
  | 'grant-too-long'
  | 'window-empty'
  | 'now-missing'
  | 'test-empty'
  // against what was in force before
  | 'code-reused'
  | 'name-reused'
  | 'not-reserved'
  // of a candidate
  | 'test-failed'

export interface PolicyFault {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units, as editors count. */
  readonly col: number
  readonly severity: 'error' | 'warning'
  readonly code: PolicyFaultCode
  readonly message: string
  readonly hint?: string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** `file:line:col severity code message — hint`, one line whatever names it quotes: a file cannot write to a terminal or log through us. */
export function formatFault(fault: PolicyFault): string {
  return `${escaped(`${fault.file}:${fault.line}:${fault.col}`)} ${wordsOf(fault)}`
}

function wordsOf({ severity, code, message, hint }: PolicyFault): string {
  return escaped(`${severity} ${code} ${message}${hint === undefined ? '' : ` — ${hint}`}`)
}

function escaped(text: string): string {
  return text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** By file, line and column; one fault said twice about one place is said once; bounded by POLICY_FAULTS_MAX. */
export function sortFaults(faults: readonly PolicyFault[]): readonly PolicyFault[] {
  const distinct = new Map(faults.map((fault) => [formatFault(fault), fault]))
  const sorted = [...distinct.values()].sort(
    (a, b) =>
      compareText(a.file, b.file) || a.line - b.line || a.col - b.col || compareText(a.code, b.code) || compareText(a.message, b.message),
  )
  if (sorted.length <= POLICY_FAULTS_MAX) return sorted
  // An error past the cut must not turn the reading into one of warnings only.
  const kept = new Set([...sorted.filter(isError), ...sorted.filter((fault) => !isError(fault))].slice(0, POLICY_FAULTS_MAX))
  return sorted.filter((fault) => kept.has(fault))
}

export function isError(fault: PolicyFault): boolean {
  return fault.severity === 'error'
}

/** By UTF-16 code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The policy files were refused as a whole; the last good revision stays in force. */
export class PolicyError extends AppError<'policy_invalid'> {
  readonly faults: readonly PolicyFault[]
  constructor(faults: readonly PolicyFault[], cause?: unknown) {
    const lines = faults.map(formatFault)
    super('policy_invalid', `Policy refused, faults: ${faults.length}\n${lines.join('\n')}`, 'The policy was refused.', {
      violations: faults.filter(isError).map((fault) => ({ field: `${fault.file}:${fault.line}:${fault.col}`, message: wordsOf(fault) })),
      ...(cause === undefined ? {} : { cause }),
    })
    this.faults = faults
  }
}
