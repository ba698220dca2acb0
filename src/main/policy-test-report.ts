/** The outcome of `castellan policy test` for people and as JSON. Runs nothing. Floor 6. */
import type { CellCount, PolicyCoverage } from '../decision/policy-coverage.ts'
import type { MutationScore, RoleSurvivors } from '../decision/policy-mutation.ts'
import type { PolicyTestResult } from '../decision/policy-test.ts'
import { REPORT_NAMES_MAX, REPORT_ROLES_MAX } from '../model/policy-limits.ts'
import type { PolicyFault } from '../policy/faults.ts'
import type { Place } from '../policy/source.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'

/** A demand on the outcome that was not met. */
export interface RefusedGate {
  readonly gate: 'coverage' | 'mutation-score'
  readonly message: string
}

export interface PolicyTestReport {
  readonly directory: string
  /** Warnings: with an error there is nothing to report. */
  readonly faults: readonly PolicyFault[]
  readonly results: readonly PolicyTestResult[]
  readonly coverage: PolicyCoverage
  readonly mutation: MutationScore | 'not asked for' | 'tests fail'
  readonly gates: readonly RefusedGate[]
  /** YAML; absent: not asked for, or nothing survived. */
  readonly skeletons?: string
  readonly roleAt: ReadonlyMap<string, Place>
}

/** Never more than it is: 99.97 is not 100. Of nothing all is done. */
export function percentOf({ part, all }: { readonly part: number; readonly all: number }): number {
  return all === 0 ? 100 : Math.floor((part * 1_000) / all) / 10
}

export function prettyReport(terminal: Terminal, report: PolicyTestReport, verbose: boolean): string {
  const failed = report.results.filter((result) => !result.passed)
  const passed = report.results.filter((result) => result.passed)
  return [
    ...failed.flatMap((result) => testLines(terminal, result)),
    ...(verbose ? passed.flatMap((result) => testLines(terminal, result)) : fileLines(terminal, passed)),
    `policy tests: ${passed.length} passed, ${failed.length} failed`,
    ...coverageLines(terminal, report.coverage),
    ...mutationLines(terminal, report),
    ...report.gates.map((gate) => `${paint(terminal, 'red', 'refused')}  ${gate.message}`),
    '',
  ].join('\n')
}

export function jsonReport({ results, coverage, mutation, gates, skeletons, faults }: PolicyTestReport): string {
  const failed = results.filter((result) => !result.passed).length
  const { granted, others, uncovered } = coverage
  return `${JSON.stringify(
    {
      passed: results.length - failed,
      failed,
      results,
      coverage: { granted: withPercent(granted), others: withPercent(others), uncovered },
      mutation: typeof mutation === 'string' ? { skipped: mutation } : { ...mutation, percent: scorePercent(mutation) },
      gates,
      ...(skeletons === undefined ? {} : { skeletons }),
      ...(faults.length === 0 ? {} : { warnings: faults }),
    },
    undefined,
    2,
  )}\n`
}

export function scorePercent({ killed, all }: MutationScore): number {
  return percentOf({ part: killed, all })
}

export function survivorCount({ dropped, opened, added, addedUnlisted }: RoleSurvivors): number {
  return dropped.length + opened.length + added.length + addedUnlisted
}

/** `dropped a.b, c.d; added e.f, … and 12 more`, the graver kinds first. */
export function survivorWords(survivor: RoleSurvivors): string {
  return (['dropped', 'opened', 'added'] as const)
    .map((kind) => ({ kind, all: survivor[kind].length + (kind === 'added' ? survivor.addedUnlisted : 0) }))
    .filter(({ all }) => all > 0)
    .map(({ kind, all }) => `${kind} ${namesOf(survivor[kind], all)}`)
    .join('; ')
}

function testLines(terminal: Terminal, { name, file, line, passed, differences }: PolicyTestResult): readonly string[] {
  const word = passed ? paint(terminal, 'green', 'passed') : paint(terminal, 'red', 'failed')
  return [
    `${word}  ${plain(name)}  ${paint(terminal, 'dim', plain(`${file}:${line}`))}`,
    ...differences.map((difference) => `        ${plain(difference)}`),
  ]
}

function fileLines(terminal: Terminal, passed: readonly PolicyTestResult[]): readonly string[] {
  const files = new Map<string, number>()
  for (const { file } of passed) files.set(file, (files.get(file) ?? 0) + 1)
  return [...files].map(
    ([file, tests]) => `${paint(terminal, 'green', 'passed')}  ${plain(file)}  ${paint(terminal, 'dim', `tests: ${tests}`)}`,
  )
}

function coverageLines(terminal: Terminal, { granted, others, uncovered }: PolicyCoverage): readonly string[] {
  return [
    `coverage: ${cells(granted)} of what roles grant, ${cells(others)} of what they do not`,
    ...byRole(terminal, uncovered, ({ role, permissions }) => ({ role, words: `not asked: ${namesOf(permissions, permissions.length)}` })),
  ]
}

function mutationLines(terminal: Terminal, { mutation, skeletons }: PolicyTestReport): readonly string[] {
  if (mutation === 'tests fail') return ['mutation score: not taken, for tests fail']
  if (mutation === 'not asked for') return []
  const { killed, all, disabledCells, survivors } = mutation
  const without = disabledCells === 0 ? '' : `; not counted, for nobody may: ${disabledCells} of disabled permissions`
  return [
    `mutation score: ${scorePercent(mutation)} % (${killed} of ${all} changes of one cell would be noticed${without})`,
    ...byRole(terminal, survivors, (survivor) => ({ role: survivor.role, words: `nobody would notice: ${survivorWords(survivor)}` })),
    ...(survivors.length === 0 || skeletons !== undefined ? [] : ['  tests that would: castellan policy test --skeletons']),
  ]
}

function byRole<T>(
  terminal: Terminal,
  items: readonly T[],
  words: (item: T) => { readonly role: string; readonly words: string },
): readonly string[] {
  const lines = items.slice(0, REPORT_ROLES_MAX).map((item) => {
    const line = words(item)
    return `  ${paint(terminal, 'bold', plain(line.role))}  ${plain(line.words)}`
  })
  const more = items.length - lines.length
  return more === 0 ? lines : [...lines, `  … and ${more} more roles: -o json`]
}

function namesOf(names: readonly string[], all: number): string {
  const shown = names.slice(0, REPORT_NAMES_MAX)
  return all === shown.length ? shown.join(', ') : `${shown.join(', ')}, … and ${all - shown.length} more: -o json`
}

function cells({ covered, all }: CellCount): string {
  return `${percentOf({ part: covered, all })} % (${covered} of ${all})`
}

function withPercent(count: CellCount): CellCount & { readonly percent: number } {
  return { ...count, percent: percentOf({ part: count.covered, all: count.all }) }
}
