/** `castellan policy test`: runs the tests of a directory, measures them, and ends as a pipeline can go by. Floor 6. */
import { join, relative } from 'node:path'
import { type CellCount, measureCoverage } from '../decision/policy-coverage.ts'
import { type MutationScore, measureMutation } from '../decision/policy-mutation.ts'
import { writeSkeletons } from '../decision/policy-skeletons.ts'
import { type PolicyTestResult, prepareTests, runPreparedTest } from '../decision/policy-test.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { PROGRESS_AFTER_MS, PROGRESS_INTERVAL_MS } from '../model/limits.ts'
import { compilePolicy } from '../policy/compile.ts'
import { isError } from '../policy/faults.ts'
import type { PolicyReading } from '../policy/parse-policy.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain, type Terminal } from './command-line/terminal.ts'
import { loadFolder } from './policy-candidates.ts'
import { faultsJson, policyRefusal, writeFaults } from './policy-refusal.ts'
import { githubFaults, githubReport, junitFaults, junitReport } from './policy-test-annotations.ts'
import { jsonReport, type PolicyTestReport, percentOf, prettyReport, type RefusedGate } from './policy-test-report.ts'

export interface PolicyTestOptions {
  readonly output: 'pretty' | 'json' | 'junit' | 'github'
  /** Each passed test, not only each file. */
  readonly verbose?: boolean
  /** False with `--no-mutation`. */
  readonly mutation: boolean
  readonly skeletons?: boolean
  /** Percent of mutants killed, and of granted cells covered, below which the command is refused. */
  readonly minScore?: number
  readonly minCoverage?: number
}

/**
 * @throws CommandError (policy fault) when the files have an error, (policy test failed) when a test fails, (gate refused) when the score or
 * the coverage is lower than demanded, (usage) when options contradict each other
 */
export async function testPolicy(terminal: Terminal, directory: string, options: PolicyTestOptions): Promise<void> {
  checkOptions(options)
  const reading = (await loadFolder(directory)).reading
  if (reading.bundle === undefined) {
    tellFaults(terminal, reading, directory, options)
    throw policyRefusal(reading.faults, directory)
  }
  const policy = compilePolicy(reading.bundle)
  const tests = prepareTests(reading.tests)
  const results = tests.map((test) => runPreparedTest(policy, test))
  const failed = results.filter((result) => !result.passed).length
  const coverage = measureCoverage(policy, tests, results)
  const mutation = !options.mutation
    ? 'not asked for'
    : failed > 0
      ? 'tests fail'
      : measureMutation(policy, tests, progressOf(terminal, policy))
  const skeletons = options.skeletons === true && typeof mutation !== 'string' ? skeletonsOf(policy, reading, mutation) : undefined
  const gates = refusedGates(options, coverage.granted, mutation)
  const report: PolicyTestReport = {
    ...{
      directory,
      results,
      coverage,
      mutation,
      gates,
      faults: reading.faults,
      roleAt: new Map([...reading.names.roles].map(([name, { at }]) => [name, at])),
    },
    ...(skeletons === undefined ? {} : { skeletons }),
  }
  write(terminal, report, options)
  end(results, gates)
}

function checkOptions({ mutation, skeletons, minScore, output }: PolicyTestOptions): void {
  if (!mutation && (skeletons === true || minScore !== undefined))
    throw new CommandError(EXIT.usage, '--skeletons and --min-score need the mutation score: leave --no-mutation out.')
  if (skeletons === true && (output === 'junit' || output === 'github'))
    throw new CommandError(EXIT.usage, `--skeletons are written as YAML or within JSON, not as ${output}.`)
}

function skeletonsOf(policy: CompiledPolicy, { tests }: PolicyReading, { survivors }: MutationScore): string | undefined {
  return writeSkeletons(policy, survivors, new Set(tests.map((group) => group.name)))
}

function refusedGates(
  { minScore, minCoverage }: PolicyTestOptions,
  granted: CellCount,
  mutation: PolicyTestReport['mutation'],
): readonly RefusedGate[] {
  const gates: RefusedGate[] = []
  // Compared as it is, not as it is rounded.
  if (minCoverage !== undefined && granted.covered * 100 < minCoverage * granted.all)
    gates.push({
      gate: 'coverage',
      message: `coverage of what roles grant is ${percentOf({ part: granted.covered, all: granted.all })} %, and ${minCoverage} % are demanded`,
    })
  if (minScore !== undefined && typeof mutation !== 'string' && mutation.killed * 100 < minScore * mutation.all)
    gates.push({
      gate: 'mutation-score',
      message: `mutation score is ${percentOf({ part: mutation.killed, all: mutation.all })} %, and ${minScore} % are demanded`,
    })
  return gates
}

function write(terminal: Terminal, report: PolicyTestReport, { output, verbose, skeletons }: PolicyTestOptions): void {
  if (output === 'json') terminal.out(jsonReport(report))
  else if (output === 'junit') terminal.out(junitReport(report))
  else if (output === 'github') terminal.out(githubReport(report, pathIn(terminal, report.directory)))
  else if (skeletons !== true) terminal.out(prettyReport(terminal, report, verbose === true))
  else {
    // The document alone on standard output, so that it can be led into a file.
    terminal.err(prettyReport(terminal, report, verbose === true))
    terminal.out(report.skeletons ?? '# No mutant survives: there is nothing to add.\n')
  }
}

function tellFaults(terminal: Terminal, { faults }: PolicyReading, directory: string, { output }: PolicyTestOptions): void {
  if (output === 'json') terminal.out(faultsJson(faults))
  else if (output === 'junit') terminal.out(junitFaults(faults))
  else if (output === 'github') terminal.out(githubFaults(faults, pathIn(terminal, directory)))
  else writeFaults(terminal, faults.filter(isError))
}

/** As seen from the checkout, wherever the command runs; without a pipeline, from the working directory. */
function pathIn({ environment }: Terminal, directory: string): (file: string) => string {
  return (file) => relative(environment['GITHUB_WORKSPACE'] || '.', join(directory, file)).replaceAll('\\', '/')
}

function end(results: readonly PolicyTestResult[], gates: readonly RefusedGate[]): void {
  const failed = results.filter((result) => !result.passed).length
  if (failed > 0) throw new CommandError(EXIT.policyTestFailed, `Policy tests failed: ${failed} of ${results.length}.`)
  if (gates.length > 0) throw new CommandError(EXIT.gateRefused, gates.map((gate) => plain(gate.message)).join('; '))
}

/** Shown only to somebody who waits at a terminal. */
function progressOf(terminal: Terminal, policy: CompiledPolicy): (roles: number) => void {
  if (terminal.progress !== true) return () => undefined
  const all = policy.bundle.roles.length
  let dueMs = terminal.nowMs() + PROGRESS_AFTER_MS
  let shown = false
  return (roles) => {
    const nowMs = terminal.nowMs()
    if (roles === all && shown) terminal.err('\r\u001b[K')
    else if (roles < all && nowMs >= dueMs) {
      terminal.err(`\r\u001b[Kmutation score: role ${roles} of ${all}`)
      dueMs = nowMs + PROGRESS_INTERVAL_MS
      shown = true
    }
  }
}
