/** `castellan policy validate` and `schema`: checks the files of a directory, in words and exit codes for people and pipelines. Floor 6. */
import { compilePolicy } from '../policy/compile.ts'
import type { PolicyReading } from '../policy/parse-policy.ts'
import { policySchemaJson } from '../policy/schema.ts'
import { paint, type Terminal } from './command-line/terminal.ts'
import { loadFolder } from './policy-candidates.ts'
import { faultsJson, paintFault, policyRefusal } from './policy-refusal.ts'

type Form = 'pretty' | 'json'

export function printPolicySchema(terminal: Terminal): void {
  terminal.out(policySchemaJson())
}

/** @throws CommandError (policy fault) when there is an error; warnings are told and pass */
export async function validatePolicy(terminal: Terminal, directory: string, form: Form): Promise<void> {
  const reading = (await loadFolder(directory)).reading
  const { bundle, faults } = reading
  const revision = bundle === undefined ? undefined : compilePolicy(bundle).revision
  if (form === 'json') {
    terminal.out(bundle === undefined ? faultsJson(faults) : `${JSON.stringify({ valid: true, revision, faults }, undefined, 2)}\n`)
  } else {
    for (const fault of faults) terminal.out(`${paintFault(terminal, fault)}\n`)
    if (bundle !== undefined)
      terminal.out(
        `${paint(terminal, 'green', 'valid')}: permissions ${bundle.permissions.length}, roles ${bundle.roles.length}, constraints ${bundle.constraints.length}, tests ${countTests(reading)}; revision ${revision}\n`,
      )
  }
  if (bundle === undefined) throw policyRefusal(faults, directory)
}

function countTests({ tests }: PolicyReading): number {
  return tests.reduce((sum, document) => sum + document.tests.length, 0)
}
