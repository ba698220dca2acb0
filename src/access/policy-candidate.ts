/** Policy files that somebody sends, to a compiled policy or to every fault they have. Floor 3. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PolicySourceFile } from '../model/policy-release.ts'
import { compilePolicy } from '../policy/compile.ts'
import { formatFault, isError, PolicyError, type PolicyFault } from '../policy/faults.ts'
import { type PolicyReading, parsePolicy } from '../policy/parse-policy.ts'
import type { PolicyTest } from '../policy/policy-test.ts'

/** Runs the tests of a candidate by the rule that decides. @returns a fault for each test that fails */
export type RunTests = (policy: CompiledPolicy, tests: readonly PolicyTest[]) => readonly PolicyFault[]

export interface ReadCandidate {
  readonly policy: CompiledPolicy
  readonly tests: readonly PolicyTest[]
  /** Where the files say what they say, for faults that are found later. */
  readonly names: PolicyReading['names']
  /** As `castellan policy validate` prints them. */
  readonly warnings: readonly string[]
}

/** @throws PolicyError with every fault, warnings among them */
export function readCandidate(files: readonly PolicySourceFile[]): ReadCandidate {
  const { bundle, tests, names, faults } = parsePolicy(files)
  if (bundle === undefined) throw new PolicyError(faults)
  return { policy: compilePolicy(bundle), tests, names, warnings: faults.filter((fault) => !isError(fault)).map(formatFault) }
}

/** The same, and its own tests pass. @throws PolicyError */
export function readTestedCandidate(files: readonly PolicySourceFile[], runTests: RunTests): ReadCandidate {
  const candidate = readCandidate(files)
  const failed = runTests(candidate.policy, candidate.tests)
  if (failed.length > 0) throw new PolicyError(failed)
  return candidate
}
