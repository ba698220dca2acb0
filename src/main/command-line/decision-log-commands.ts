/** decisions list, decisions watch: what was decided, seen by those who audit. Floor 6. */
import { type Command, Option } from 'commander'
import type { WatchOptions } from '../watch-decisions.ts'
import { parseDurationSeconds, parseInstant } from './instant.ts'
import { records } from './pretty.ts'
import { prettyRecordLine } from './pretty-decision-record.ts'
import { clientFor, examples, listAll, printAnswer, withLimit, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addDecisionLogCommands(program: Command, terminal: Terminal): void {
  const group = program.command('decisions').description('see what was decided; the key needs the scope audit')

  const list = withDecisionFilter(group.command('list').description('list the decisions that the log in the database has, newest first'))
    .option('--since <time>', 'from then on: an instant, or a duration before now (PT2H, P7D)')
    .option('--until <time>', 'up to just before: an instant, or a duration before now')
    .action(async (options: ListOptions) => {
      const [since, until] = await Promise.all([
        timeBefore('--since', options.since, terminal),
        timeBefore('--until', options.until, terminal),
      ])
      const { tenant, user, permission, caller, outcome, reason, limit } = options
      const filter = { tenant, user, permission, caller, outcome, reason, since, until }
      const answer = await listAll(await clientFor(options, terminal.environment), '/v1/decisions', 'decisions', limit, filter)
      printAnswer(terminal, options, answer, (one) => {
        const lines = records(one, 'decisions').map((decision) => prettyRecordLine(terminal, decision))
        const more = one['nextPageToken'] === undefined ? '' : '… and more: raise --limit\n'
        return lines.length === 0 && more === '' ? 'none\n' : `${lines.join('')}${more}`
      })
    })
  examples(withLimit(withService(list)), [
    'castellan decisions list --outcome deny --since PT1H',
    'castellan decisions list --user ann --tenant acme --limit 20',
    'castellan decisions list --permission finance.payout.create -o json | jq -r ".decisions[].id"',
    'castellan explain <decision-id>   # one of them in full',
  ])

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

interface ListOptions extends WatchOptions {
  readonly since?: string
  readonly until?: string
  readonly limit: number
}

/** A duration counts back: what was decided lies behind. */
async function timeBefore(option: string, given: string | undefined, terminal: Terminal): Promise<string | undefined> {
  if (given === undefined) return undefined
  const nowMs = terminal.nowMs()
  const ms = given.startsWith('P') ? nowMs - parseDurationSeconds(option, given) * 1_000 : await parseInstant(option, given, nowMs)
  return new Date(ms).toISOString()
}

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
