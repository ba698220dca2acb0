/** grant, revoke, assignments. Floor 6. */
import type { Command } from 'commander'
import { CommandError, EXIT } from './exit.ts'
import { parseInstant } from './instant.ts'
import { prettyChange, prettyTable, text } from './pretty.ts'
import { path, query } from './service-client.ts'
import {
  type ChangeOptions,
  changeFields,
  clientFor,
  examples,
  listAll,
  printAnswer,
  type ServiceOptions,
  withChange,
  withLimit,
  withService,
} from './service-command.ts'
import { plain, type Terminal } from './terminal.ts'

interface GrantOptions extends ChangeOptions {
  readonly from?: string
  readonly until?: string
}
interface RevokeOptions extends ChangeOptions {
  readonly id?: string
}
interface ListOptions extends ServiceOptions {
  readonly history?: boolean
  readonly limit: number
}

export function addAssignmentCommands(program: Command, terminal: Terminal): void {
  const grant = program
    .command('grant <user> <tenant> <role>')
    .description('give a user a role in a tenant, for a while or without end')
    .option('--from <time>', 'in force from: an instant, or a duration from now (default: now)')
    .option('--until <time>', "until just before: an instant, or a duration from --from (durations count from this machine's clock)")
    .action(async (user: string, tenant: string, role: string, options: GrantOptions) => {
      const fromMs = options.from === undefined ? undefined : await parseInstant('--from', options.from, terminal.nowMs())
      const untilMs = options.until === undefined ? undefined : await parseInstant('--until', options.until, fromMs ?? terminal.nowMs())
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', path('tenants', tenant, 'users', user, 'assignments'), {
        role,
        ...(fromMs === undefined ? {} : { validFrom: new Date(fromMs).toISOString() }),
        ...(untilMs === undefined ? {} : { expiresAt: new Date(untilMs).toISOString() }),
        ...changeFields(options),
      })
      printAnswer(terminal, options, answer, (one) => prettyChange(one, `granted ${role}`))
    })
  examples(withChange(grant), [
    'castellan grant bob acme finance-clerk --reason "joins the finance team"',
    'castellan grant ann acme finance-cover --until PT2H --reason "covers for Cleo"',
    'castellan grant ann acme finance-cover --from 2026-12-01T08:00:00Z --until P7D',
    'castellan grant bob acme salesperson --no-wait -o json | jq .position',
  ])

  const revoke = program
    .command('revoke <user> <tenant> [role]')
    .description('take a role away: all its assignments, or the one that --id names')
    .option('--id <assignment>', 'only this assignment (see `castellan assignments`)')
    .action(async (user: string, tenant: string, role: string | undefined, options: RevokeOptions) => {
      if ((role === undefined) === (options.id === undefined))
        throw new CommandError(EXIT.usage, 'Name either a role or an assignment with --id.', 'castellan revoke ann acme finance-cover')
      const client = await clientFor(options, terminal.environment)
      const address = path('tenants', tenant, 'users', user, 'assignments', ...(options.id === undefined ? [] : [options.id]))
      const answer = await client.call('DELETE', `${address}${query({ role, ...changeFields(options) })}`)
      printAnswer(terminal, options, answer, (one) =>
        prettyChange(
          one,
          'revoked',
          role === undefined ? {} : { nothing: `${plain(user)} holds no "${plain(role)}" at ${plain(tenant)}: nothing to change` },
        ),
      )
    })
  examples(withChange(revoke), [
    'castellan revoke bob acme finance-clerk --reason "moved to sales"',
    'castellan revoke ann acme --id 0b8e…',
    'castellan revoke bob acme salesperson --no-wait',
  ])

  const assignments = program
    .command('assignments <user> <tenant>')
    .description('list the assignments of a user in a tenant')
    .option('--history', 'also the revoked and the expired')
    .action(async (user: string, tenant: string, options: ListOptions) => {
      const client = await clientFor(options, terminal.environment)
      const filter = { history: options.history === true ? true : undefined }
      const answer = await listAll(client, path('tenants', tenant, 'users', user, 'assignments'), 'assignments', options.limit, filter)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'assignments', ['ROLE', 'FROM', 'UNTIL', 'REVOKED', 'ID'], (row) =>
          ['role', 'validFrom', 'expiresAt', 'revokedAt', 'id'].map((field) => text(row, field)),
        ),
      )
    })
  examples(withLimit(withService(assignments)), ['castellan assignments ann acme', 'castellan assignments ann acme --history'])
}
