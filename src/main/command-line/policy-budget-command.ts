/** policy budget: how large the permission claims of access tokens are. Floor 6. */
import { type Command, InvalidArgumentError } from 'commander'
import type { BudgetOptions } from '../print-budget.ts'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { CommandError, EXIT } from './exit.ts'
import { clientFor, examples, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addPolicyBudgetCommand(group: Command, terminal: Terminal): void {
  const command = group
    .command('budget [candidate]')
    .description('show how large the permission claim of access tokens is: of the largest holder now, or of any roles together')
    .option('--roles <roles>', 'these roles together, separated by commas, as the candidate (default: ./policies) has them', parseRoles)
    .option('--path <folder>', 'folder of the policy files in a commit that is named without one', POLICY_FOLDER_DEFAULT)
    .action(async (candidate: string | undefined, options: BudgetOptions) => {
      const { printHoldersBudget, printRolesBudget } = await import('../print-budget.ts')
      const connect = () => clientFor(options, terminal.environment)
      if (options.roles !== undefined) await printRolesBudget(terminal, connect, candidate ?? POLICY_FOLDER_DEFAULT, options.roles, options)
      else if (candidate === undefined) await printHoldersBudget(terminal, connect, options)
      else
        throw new CommandError(
          EXIT.usage,
          'Whose budget? Without --roles it is that of the people of the service, by the policy in force.',
          'Add --roles a,b, or leave the candidate out.',
        )
    })
  examples(withService(command), ['castellan policy budget', 'castellan policy budget --roles salesperson,finance-cover'])
}

function parseRoles(text: string): readonly string[] {
  const roles = text.split(',').map((role) => role.trim())
  if (roles.some((role) => role === '')) throw new InvalidArgumentError('must be names of roles with commas between them')
  return roles
}
