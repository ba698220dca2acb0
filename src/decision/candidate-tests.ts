/** Runs the tests of a candidate policy and turns each that fails into a fault at its line, as its publisher sees faults. Pure. Floor 5. */
import type { RunTests } from '../access/policy-candidate.ts'
import { FAULT_NAMES_MAX } from '../model/policy-limits.ts'
import { type PolicyFault, sortFaults } from '../policy/faults.ts'
import { type PolicyTestResult, runPolicyTests } from './policy-test.ts'

export const runCandidateTests: RunTests = (policy, tests) =>
  sortFaults(
    runPolicyTests(policy, tests)
      .filter((result) => !result.passed)
      .map(toFault),
  )

function toFault({ group, name, file, line, differences }: PolicyTestResult): PolicyFault {
  const message = `test "${name}" of ${group} fails: ${inShort(differences)}`
  return { file, line, col: 1, severity: 'error', code: 'test-failed', message }
}

function inShort(differences: readonly string[]): string {
  const more = differences.length - FAULT_NAMES_MAX
  return more > 0 ? `${differences.slice(0, FAULT_NAMES_MAX).join('; ')}; and ${more} more` : differences.join('; ')
}
