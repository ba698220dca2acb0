/** decisions watch: what was decided, seen by those who audit. Floor 6. */
import { type Command, Option } from 'commander'
import type { WatchOptions } from '../watch-decisions.ts'
import { clientFor, examples, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addDecisionLogCommands(program: Command, terminal: Terminal): void {
  const group = program.command('decisions').description('see what was decided; the key needs the scope audit')

  const watch = withDecisionFilter(
    group.command('watch').description('show the decisions of one replica as they are made, one a line, until it is interrupted'),
  ).action(async (options: WatchOptions) => {
    const { watchDecisions } = await import('../watch-decisions.ts')
    await watchDecisions(terminal, await clientFor(options, terminal.environment), options)
  })
  examples(withService(watch), [
    'castellan decisions watch',
    'castellan decisions watch --outcome deny --tenant acme',
    'castellan decisions watch --permission finance.payout.create -o json | jq -c "[.at, .user, .reason]"',
  ]).addHelpText('after', WATCH_AFTER)
}

const WATCH_AFTER = `
With -o json each line is an object whose "event" is decision or lost. Who reads too slowly loses the oldest and is told how many. When the
connection breaks it connects again, and says so: what was decided meanwhile is in the log, not here. Behind a load balancer it shows
the replica that it reached.
`

/** Which decisions are meant; a list and a live stream take the same. */
function withDecisionFilter(command: Command): Command {
  return command
    .option('--tenant <id>', 'only of this tenant')
    .option('--user <id>', 'only about this user')
    .option('--permission <name>', 'only about this permission, by full name or code')
    .option('--caller <id>', 'only asked by this caller: its id, as castellan caller list shows it')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['allow', 'deny']))
    .option('--reason <reason>', 'only with this reason, such as NO_ASSIGNMENT')
}
