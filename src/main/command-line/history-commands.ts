/** expiring, roles use: what an auditor asks of assignments and roles. Floor 6. */
import { type Command, InvalidArgumentError } from 'commander'
import { ROLE_USE_DAYS_DEFAULT, ROLE_USE_DAYS_MAX } from '../../model/observation-limits.ts'
import { parseSpanSeconds } from './instant.ts'
import { prettyTable, text } from './pretty.ts'
import { prettyRoleUse } from './pretty-role-use.ts'
import { path, query } from './service-client.ts'
import { clientFor, examples, listAll, printAnswer, type ServiceOptions, withLimit, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface ExpiringOptions extends ServiceOptions {
  readonly within: string
  readonly tenant?: string
  readonly limit: number
}
interface UseOptions extends ServiceOptions {
  readonly tenant?: string
  readonly days: number
}

export function addHistoryCommands(program: Command, terminal: Terminal): void {
  const expiring = program
    .command('expiring')
    .description('list the assignments that are over soon, soonest first; the key needs the scope audit or administer')
    .option('--within <duration>', 'over within this time from now: 7d, 12h, P7D, PT12H', '7d')
    .option('--tenant <id>', 'only in this tenant')
    .action(async (options: ExpiringOptions) => {
      const filter = { tenant: options.tenant, withinSeconds: parseSpanSeconds('--within', options.within) }
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, '/v1/assignments/expiring', 'assignments', options.limit, filter)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'assignments', ['UNTIL', 'USER', 'TENANT', 'ROLE', 'FROM', 'ID'], (row) =>
          ['expiresAt', 'user', 'tenant', 'role', 'validFrom', 'id'].map((field) => text(row, field)),
        ),
      )
    })
  examples(withLimit(withService(expiring)), ['castellan expiring --within 7d', 'castellan expiring --within PT12H --tenant acme'])

  const use = program
    .command('roles')
    .description('see how roles are used')
    .command('use <role>')
    .description('show which permissions of a role nobody used, by the decision log in the database; the key needs the scope audit')
    .option('--tenant <id>', 'only in this tenant')
    .option('--days <number>', `so many days back, 1 to ${ROLE_USE_DAYS_MAX}`, parseDays, ROLE_USE_DAYS_DEFAULT)
    .action(async (role: string, options: UseOptions) => {
      const client = await clientFor(options, terminal.environment)
      const address = `${path('roles', role, 'use')}${query({ tenant: options.tenant, days: options.days })}`
      const answer = await client.call('GET', address)
      printAnswer(terminal, options, answer, (one) => prettyRoleUse(terminal, one))
    })
  examples(withService(use), ['castellan roles use salesperson', 'castellan roles use finance-clerk --tenant acme --days 30']).addHelpText(
    'after',
    `
A use is a decision that the role allowed, counted by days of UTC when it is logged; the first day is a whole one. Counts are kept for a year,
however long records are. Of many names asked at once each that was allowed counts for the roles that allowed any of them.
The report says what it rests on: the time that the log knows of, the share of allowed decisions that it keeps, and what it lost.
`,
  )
}

function parseDays(given: string): number {
  const days = /^\d{1,3}$/.test(given) ? Number(given) : 0
  if (days < 1 || days > ROLE_USE_DAYS_MAX) throw new InvalidArgumentError(`must be a whole number, 1 to ${ROLE_USE_DAYS_MAX}`)
  return days
}
