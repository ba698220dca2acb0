/** policy plan: what a candidate would do to the people who hold roles now, and the gates that may refuse it. Floor 6. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Risk } from '../../model/policy.ts'
import type { PlanOptions } from '../print-plan.ts'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { clientFor, examples, withService } from './service-command.ts'
import { plain, type Terminal } from './terminal.ts'

/** An option that may be repeated is absent when nobody gave it: a default would stand in the help. */
type GivenOptions = Omit<PlanOptions, 'protect' | 'requireApprovalFor'> & Partial<Pick<PlanOptions, 'protect' | 'requireApprovalFor'>>

export function addPolicyPlanCommand(group: Command, terminal: Terminal): void {
  const command = group
    .command('plan [candidate]')
    .description('show who would gain and lose what if a policy were in force, and refuse it when it goes too far; exits 5 then')
    .option('--path <folder>', 'folder of the policy files in a commit that is named without one', POLICY_FOLDER_DEFAULT)
    .option('--people', 'name each user and tenant with what changes for them, as it is found; the key needs the scope administer or audit')
    .option('--markdown', 'print Markdown for a pull request: counts, roles and permissions, no people and no tenants')
    .option('--markdown-file <file>', 'write that Markdown to a file, beside what is printed')
    .option('--tenants', 'name tenants in the Markdown too')
    .option('--max-lost <n>', 'refuse when more permissions of people would be lost, narrowed or changed', parseCount)
    .option('--max-gained <n>', 'refuse when more permissions of people would be gained, widened or changed', parseCount)
    .option(
      '--protect <permission>',
      'refuse when anything about it changes: a name, a code, or a prefix such as finance.*; repeatable',
      collect,
    )
    .option(
      '--require-approval-for <risk>',
      'refuse when a role gains a permission of this risk (risk:high), unless --approved-by says who approved it; repeatable',
      collectRisk,
    )
    .option('--approved-by <text>', 'who approved what --require-approval-for asks for; printed with the plan')
    .action(async (candidate: string | undefined, given: GivenOptions) => {
      const options: PlanOptions = { ...given, protect: given.protect ?? [], requireApprovalFor: given.requireApprovalFor ?? [] }
      const { printPlan } = await import('../print-plan.ts')
      await printPlan(terminal, () => clientFor(options, terminal.environment), candidate ?? POLICY_FOLDER_DEFAULT, options)
    })
  examples(withService(command), [
    'castellan policy plan                                        # the files in ./policies',
    'castellan policy plan git:main --people                      # those of a branch, person by person',
    'castellan policy plan 1a2b3c4d --max-lost 0 --protect "finance.*"',
    'castellan policy plan --require-approval-for risk:high --approved-by "Cleo, ticket 4711"',
    'castellan policy plan --markdown > plan.md                   # for a pull request',
  ]).addHelpText('after', AFTER)
}

const AFTER = `
A candidate is a folder of policy files, a revision (8 digits or more, or active), or a git ref (git:main, git:HEAD~1:policies);
any other word is tried as a git ref (main, v1). Nothing is published and nothing changes. Permissions count once for each user, tenant and
permission; people whose account or tenant is closed are not counted.
Exit codes: 0 planned, 1 no plan, 2 wrong usage, 3 faults in the files, 5 refused by a gate.
`
const RISKS: readonly Risk[] = ['low', 'normal', 'high']

function parseCount(text: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count)) throw new InvalidArgumentError('must be a whole number, 0 or more')
  return count
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

function collectRisk(text: string, before: readonly Risk[] = []): readonly Risk[] {
  const risk = RISKS.find((one) => text === `risk:${one}`)
  if (risk === undefined) throw new InvalidArgumentError(`"${plain(text)}" must be one of ${RISKS.map((one) => `risk:${one}`).join(', ')}`)
  return [...before, risk]
}
