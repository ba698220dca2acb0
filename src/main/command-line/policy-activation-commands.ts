/** policy activate, rollback, schedule: which revision is in force, now or at a time to come. Floor 6. */
import type { Command } from 'commander'
import { POLICY_REQUEST_TIMEOUT_MS } from '../../model/policy-limits.ts'
import { parseReason, parseRevision, parseScheduledId } from './arguments.ts'
import { parseTimeToCome } from './instant.ts'
import { prettyTable, record, text } from './pretty.ts'
import { prettyActivation, revisionText } from './pretty-activation.ts'
import { path, query } from './service-client.ts'
import { clientFor, examples, printAnswer, type ServiceOptions, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface ReasonOptions extends ServiceOptions {
  readonly reason?: string
}
interface ActivateOptions extends ReasonOptions {
  readonly at?: string
}
interface RollbackOptions extends ReasonOptions {
  readonly to?: string
  readonly from?: string
}

const REASON = ['--reason <text>', 'why, kept in the audit', parseReason] as const

export function addPolicyActivationCommands(group: Command, terminal: Terminal): void {
  const activate = group
    .command('activate')
    .argument('<revision>', 'its first 8 hex digits are enough', parseRevision)
    .description('put a published revision in force on all replicas, now or at a time to come')
    .option('--at <time>', 'not now: an instant (2026-12-01T06:00:00Z), or a duration from now (PT2H)')
    .requiredOption(...REASON)
    .action(async (revision: string, options: ActivateOptions) => {
      const atMs = options.at === undefined ? undefined : await parseTimeToCome('--at', options.at, terminal.nowMs())
      const client = await clientFor(options, terminal.environment)
      const body = { ...(atMs === undefined ? {} : { at: new Date(atMs).toISOString() }), ...reasonOf(options) }
      const answer = await client.call('POST', path('policy', 'revisions', revision, 'activate'), body, POLICY_REQUEST_TIMEOUT_MS)
      printAnswer(terminal, options, answer, prettyActivation)
    })
  examples(withService(activate).addHelpText('after', ACKNOWLEDGED), [
    'castellan policy activate 1a2b3c4d --reason "ticket 4711"',
    'castellan policy activate 1a2b3c4d --at 2026-12-01T06:00:00Z --reason "with the new desk"',
  ])

  const rollback = group
    .command('rollback')
    .description('put the revision in force again that was before the present one: a new activation of an old revision')
    .option('--to <revision>', 'not the one before: this one', parseRevision)
    .option('--from <revision>', 'only if this one is in force: asking twice then does it once', parseRevision)
    .option(...REASON)
    .action(async (options: RollbackOptions) => {
      const client = await clientFor(options, terminal.environment)
      const { to, from } = options
      const body = { ...(to === undefined ? {} : { to }), ...(from === undefined ? {} : { from }), ...reasonOf(options) }
      const answer = await client.call('POST', path('policy', 'rollback'), body, POLICY_REQUEST_TIMEOUT_MS)
      printAnswer(terminal, options, answer, prettyActivation)
    })
  examples(withService(rollback).addHelpText('after', ACKNOWLEDGED), [
    'castellan policy rollback --reason "nobody could send quotes"',
    'castellan policy rollback --to 79e7568662b0 --reason "ticket 4712"',
  ])
  addScheduleCommands(group.command('schedule').description('list and call off activations to come'), terminal)
}

const ACKNOWLEDGED = `
It ends when all replicas answer by that revision. What still waits for its time is listed with the answer: it may end what was just begun.
`

function addScheduleCommands(group: Command, terminal: Terminal): void {
  const list = group
    .command('list', { isDefault: true })
    .description('list activations that wait for their time, soonest first')
    .action(async (options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('GET', path('policy', 'schedule'))
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'scheduled', ['AT', 'REVISION', 'ID', 'REASON'], (row) => [
          text(row, 'activateAt'),
          revisionText(row, 'revision'),
          text(row, 'id'),
          text(row, 'reason'),
        ]),
      )
    })
  examples(withService(list), ['castellan policy schedule'])

  const cancel = group
    .command('cancel')
    .argument('<id>', 'as castellan policy schedule lists it', parseScheduledId)
    .description('call off an activation that waits')
    .option(...REASON)
    .action(async (id: string, options: ReasonOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('DELETE', `${path('policy', 'schedule', id)}${query(reasonOf(options))}`)
      printAnswer(terminal, options, answer, (one) => {
        const scheduled = record(one, 'scheduled')
        return `called off: ${revisionText(scheduled, 'revision')} will not be activated at ${text(scheduled, 'activateAt')}\n`
      })
    })
  examples(withService(cancel), ['castellan policy schedule cancel 0195d9e2-… --reason "postponed"'])
}

function reasonOf({ reason }: ReasonOptions): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}
