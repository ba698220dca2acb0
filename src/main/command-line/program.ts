/** The tree of commands with their help. Loads no part of the service: each command does when it runs. Floor 6. */
import { Command } from 'commander'
import { readVersion } from '../version.ts'
import { addAssignmentCommands } from './assignment-commands.ts'
import { addAuditCommands } from './audit-commands.ts'
import { addCallerCommands } from './caller-commands.ts'
import { addDecisionCommands } from './decision-commands.ts'
import { addDecisionLogCommands } from './decision-log-commands.ts'
import { addHistoryCommands } from './history-commands.ts'
import { addLoginCommands } from './login-commands.ts'
import { addPolicyCommands } from './policy-commands.ts'
import { addProcessCommands } from './process-commands.ts'
import { addScaffoldCommands } from './scaffold-commands.ts'
import { addSubjectCommands } from './subject-commands.ts'
import type { Terminal } from './terminal.ts'

export function buildProgram(terminal: Terminal): Command {
  const program = new Command('castellan')
    .description('Castellan answers check(user, tenant, permission), from policy files and from rows that say who holds which role.')
    .version(readVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHasColors: () => terminal.colours,
    })
    .showHelpAfterError('(add --help for the arguments and examples)')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', FIRST_STEPS)
  addProcessCommands(program, terminal)
  addPolicyCommands(program, terminal)
  addScaffoldCommands(program, terminal)
  addDecisionCommands(program, terminal)
  addDecisionLogCommands(program, terminal)
  addAssignmentCommands(program, terminal)
  addHistoryCommands(program, terminal)
  addSubjectCommands(program, terminal)
  addCallerCommands(program, terminal)
  addLoginCommands(program, terminal)
  addAuditCommands(program, terminal)
  return program
}

const FIRST_STEPS = `
First steps:
  $ npx castellan dev                                         a service with samples, nothing to install
  $ export CASTELLAN_KEY_FILE=.castellan/development-key      in a second terminal, in the same folder
  $ npx castellan what-can ann acme                           what may Ann do at acme?
  $ npx castellan explain ann acme finance.payout.create      why not?
  $ npx castellan grant ann acme finance-cover --until PT2H   for two hours, then no more
  $ npx castellan policy validate ./policies                  are my policy files in order?

Exit codes: 0 done, 1 fault, 2 wrong usage or settings, 3 policy fault, 4 policy test failed, 5 gate refused.
Settings come from CASTELLAN_… variables; npx castellan <command> --help shows each command's examples.
`
