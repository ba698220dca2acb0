/** The outcome of `castellan policy test` for pipelines: JUnit XML, and annotations of GitHub. Runs nothing. Floor 6. */

import type { PolicyTestResult } from '../decision/policy-test.ts'
import { isError, type PolicyFault } from '../policy/faults.ts'
import { type PolicyTestReport, percentOf, scorePercent, survivorCount, survivorWords } from './policy-test-report.ts'

/** One test suite a file; a gate that refuses is a failed test of its own. */
export function junitReport({ results, coverage, mutation, gates }: PolicyTestReport): string {
  const suites = new Map<string, PolicyTestResult[]>()
  for (const result of results) {
    const known = suites.get(result.file)
    if (known === undefined) suites.set(result.file, [result])
    else known.push(result)
  }
  const { granted } = coverage
  const properties = [
    ['coverage', String(percentOf({ part: granted.covered, all: granted.all }))],
    ...(typeof mutation === 'string' ? [] : [['mutation-score', String(scorePercent(mutation))]]),
  ]
  return junit([
    ...[...suites].map(([file, tests]) => ({
      name: file,
      properties,
      cases: tests.map((test) => ({
        name: test.name,
        place: test.group,
        attributes: { file, line: String(test.line) },
        failure: test.passed ? undefined : test.differences,
      })),
    })),
    ...(gates.length === 0
      ? []
      : [{ name: 'gates', properties, cases: gates.map(({ gate, message }) => ({ name: gate, place: 'gates', failure: [message] })) }]),
  ])
}

/** Files that were refused: each error is a failed test. */
export function junitFaults(faults: readonly PolicyFault[]): string {
  const cases = faults.filter(isError).map(({ file, line, col, code, message, hint }) => ({
    name: `${file}:${line}:${col}`,
    place: code,
    attributes: { file, line: String(line) },
    failure: [hint === undefined ? message : `${message} — ${hint}`],
  }))
  return junit([{ name: 'policy files', properties: [], cases }])
}

interface JunitSuite {
  readonly name: string
  readonly properties: readonly (readonly string[])[]
  readonly cases: readonly {
    readonly name: string
    readonly place: string
    readonly attributes?: Readonly<Record<string, string>>
    readonly failure: readonly string[] | undefined
  }[]
}

function junit(suites: readonly JunitSuite[]): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="castellan policy test">']
  for (const { name, properties, cases } of suites) {
    const failures = cases.filter((one) => one.failure !== undefined).length
    lines.push(`  <testsuite${attributes({ name, tests: String(cases.length), failures: String(failures), errors: '0', skipped: '0' })}>`)
    if (properties.length > 0) {
      const values = properties.map(([key = '', value = '']) => `<property${attributes({ name: key, value })}/>`)
      lines.push(`    <properties>${values.join('')}</properties>`)
    }
    for (const { name: test, place, attributes: more, failure } of cases) {
      const start = `    <testcase${attributes({ name: test, classname: place, ...more })}`
      if (failure === undefined) lines.push(`${start}/>`)
      else
        lines.push(
          `${start}>`,
          `      <failure${attributes({ message: failure[0] ?? '' })}>${xml(failure.join('\n'))}</failure>`,
          '    </testcase>',
        )
    }
    lines.push('  </testsuite>')
  }
  return [...lines, '</testsuites>', ''].join('\n')
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${xml(value).replace(/\n/g, '&#10;').replace(/\t/g, '&#9;')}"`)
    .join('')
}

/** What XML 1.0 cannot hold is left out, even escaped; other control characters with it. */
const NOT_XML = /(?![\n\t])[\p{Cc}\p{Cs}\ufffe\uffff]/gu
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

function xml(text: string): string {
  return text.replace(NOT_XML, '').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

/**
 * Failed tests as errors, survivors as one warning a role.
 * @param pathOf of a policy file, as the pipeline's checkout names it
 */
export function githubReport(report: PolicyTestReport, pathOf: (file: string) => string): string {
  const { results, mutation, gates, faults, roleAt } = report
  const failed = results.filter((result) => !result.passed)
  const survivors = typeof mutation === 'string' ? [] : mutation.survivors
  return [
    githubFaults(faults, pathOf),
    ...failed.map(({ file, line, name, differences }) =>
      annotation('error', { file: pathOf(file), line, title: `policy test failed: ${name}` }, differences.join('\n')),
    ),
    ...survivors.map((survivor) => {
      const at = roleAt.get(survivor.role)
      const place = at === undefined ? {} : { file: pathOf(at.file), line: at.line }
      const title = `mutants of role ${survivor.role} that no policy test notices: ${survivorCount(survivor)}`
      return annotation('warning', { ...place, title }, survivorWords(survivor))
    }),
    ...gates.map(({ gate, message }) => annotation('error', { title: `policy test gate: ${gate}` }, message)),
    `policy tests: ${results.length - failed.length} passed, ${failed.length} failed${typeof mutation === 'string' ? '' : `; mutation score ${scorePercent(mutation)} %`}\n`,
  ].join('')
}

export function githubFaults(faults: readonly PolicyFault[], pathOf: (file: string) => string): string {
  return faults
    .map(({ file, line, col, severity, code, message, hint }) =>
      annotation(severity, { file: pathOf(file), line, col, title: code }, hint === undefined ? message : `${message} — ${hint}`),
    )
    .join('')
}

/** A workflow command of GitHub Actions: https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function annotation(kind: 'error' | 'warning', properties: Readonly<Record<string, string | number>>, message: string): string {
  const list = Object.entries(properties).map(
    ([name, value]) => `${name}=${escapeData(String(value)).replace(/:/g, '%3A').replace(/,/g, '%2C')}`,
  )
  return `::${kind} ${list.join(',')}::${escapeData(message)}\n`
}

/** Line ends are what ends a command: they and the sign that escapes them are escaped; other control characters are left out. */
function escapeData(text: string): string {
  return text
    .replace(/(?![\r\n])[\p{Cc}\u2028\u2029]/gu, '')
    .replace(/%/g, '%25')
    .replace(/\r/g, '%0D')
    .replace(/\n/g, '%0A')
}
