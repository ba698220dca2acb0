/** policy publish: policy files become a revision that the service keeps; on demand it takes force. Floor 6. */
import type { Command } from 'commander'
import type { PublishOptions } from '../publish-policy.ts'
import { parseReason } from './arguments.ts'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { CommandError, EXIT } from './exit.ts'
import { clientFor, examples, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addPolicyPublishCommand(group: Command, terminal: Terminal): void {
  const command = group
    .command('publish [folder]')
    .description('check and test the files, hand them to the service as a revision, and say who would now break a constraint')
    .option('--author <text>', 'who wrote it (default: user.name and user.email of git)')
    .option('--message <text>', 'what it is for')
    .option('--commit <id>', 'the commit it was made from (default: HEAD, when the folder is as it was committed)')
    .option('--no-git', 'ask git nothing')
    .option('--no-plan', 'do not look at whom it would affect')
    .option('--activate', 'put it in force, too')
    .option('--at <time>', 'with --activate: not now, but at an instant or after a duration from now')
    .option('--reason <text>', 'why, kept in the audit', parseReason)
    .action(async (folder: string | undefined, options: PublishOptions) => {
      if (options.at !== undefined && options.activate !== true)
        throw new CommandError(EXIT.usage, '--at is the time of an activation.', 'Add --activate.')
      const { publishPolicy } = await import('../publish-policy.ts')
      await publishPolicy(terminal, () => clientFor(options, terminal.environment), folder ?? POLICY_FOLDER_DEFAULT, options)
    })
  examples(withService(command), [
    'castellan policy publish',
    'castellan policy publish ./policies --message "Agents may close tickets" --reason "ticket 4711"',
    'castellan policy publish --activate --at 2026-12-01T06:00:00Z --reason "with the new desk"',
  ]).addHelpText(
    'after',
    `
A revision is kept for ever and never changes; publishing the same content again changes nothing. It takes force by --activate, or later by
castellan policy activate. Exit codes: 0 published, 1 fault, 3 faults in the files, 4 a policy test failed.
`,
  )
}
