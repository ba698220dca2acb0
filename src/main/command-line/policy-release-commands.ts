/** Joins the commands of a policy on its way into force: plan, publish, activate, rollback, and who answers by what. Floor 6. */
import type { Command } from 'commander'
import { addPolicyActivationCommands } from './policy-activation-commands.ts'
import { addPolicyBudgetCommand } from './policy-budget-command.ts'
import { addPolicyPlanCommand } from './policy-plan-command.ts'
import { addPolicyPublishCommand } from './policy-publish-command.ts'
import { addPolicyStateCommands } from './policy-state-commands.ts'
import type { Terminal } from './terminal.ts'

export function addPolicyReleaseCommands(group: Command, terminal: Terminal): void {
  addPolicyPlanCommand(group, terminal)
  addPolicyPublishCommand(group, terminal)
  addPolicyActivationCommands(group, terminal)
  addPolicyStateCommands(group, terminal)
  addPolicyBudgetCommand(group, terminal)
}
