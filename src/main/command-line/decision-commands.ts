/** check, explain, what-can, who-can. Floor 6. */
import type { Command } from 'commander'
import { isUuid } from './arguments.ts'
import { CommandError, EXIT } from './exit.ts'
import { parseInstant } from './instant.ts'
import { names, prettyDecision, prettyTable, record, records, text } from './pretty.ts'
import { prettyRecord } from './pretty-decision-record.ts'
import { type Json, path, query } from './service-client.ts'
import {
  clientFor,
  examples,
  listAll,
  parseJsonObject,
  printAnswer,
  type ServiceOptions,
  withLimit,
  withMinPosition,
  withService,
} from './service-command.ts'
import { columns, paint, type Terminal } from './terminal.ts'

interface AtOptions extends ServiceOptions {
  readonly at?: string
}
const AT_OPTION = [
  '--at <time>',
  'at another time: an instant that was or will be, or a duration from now; the key needs the scope audit or administer',
] as const
const EXPLAIN_HINT = 'castellan explain <user> <tenant> <permission>, or castellan explain <decision-id>'

interface CheckOptions extends ServiceOptions {
  readonly resource?: string
  readonly minPosition?: number
}

export function addDecisionCommands(program: Command, terminal: Terminal): void {
  const check = program
    .command('check <user> <tenant> <permission>')
    .description('ask whether a user may; exits 0 for a decision, allow or deny: read the answer')
    .option('--resource <json>', 'attributes for conditions, a JSON object')
    .action(async (user: string, tenant: string, permission: string, options: CheckOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', '/v1/check', question(user, tenant, permission, options))
      printAnswer(terminal, options, answer, (one) => prettyDecision(terminal, one))
    })
  examples(withService(withMinPosition(check)), [
    'castellan check ann acme sales.quote.create',
    `castellan check eve north-clinic coding.medical-stay.validate --resource '{"facilityId":"north","lastCoderId":"ann"}'`,
    'castellan check ann acme s.q.c -o json | jq .allowed',
    'castellan check ann acme s.q.c --min-position 42   # the position that a change answered',
  ])

  const explain = program
    .command('explain <user-or-decision> [tenant] [permission]')
    .usage('[options] <user> <tenant> <permission>\n       castellan explain [options] <decision-id>')
    .description('say why: each grant tried, the first failing condition, what would allow; or what was decided, by the id of a decision')
    .option('--resource <json>', 'attributes for conditions, a JSON object')
    .action(async (subject: string, tenant: string | undefined, permission: string | undefined, options: CheckOptions) => {
      if (tenant === undefined) return await explainDecision(terminal, subject, options)
      if (permission === undefined) throw new CommandError(EXIT.usage, 'The permission is missing.', EXPLAIN_HINT)
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', '/v1/explain', question(subject, tenant, permission, options))
      printAnswer(terminal, options, answer, (one) => prettyExplanation(terminal, one))
    })
  examples(withService(withMinPosition(explain)), [
    'castellan explain ann acme finance.payout.create',
    'castellan explain ann acme finance.payout.create --min-position 42',
    'castellan explain 0b9f2a52-6d0e-4c53-9a4c-2f1a7a1f6c11   # a decision in the log; the key needs the scope audit',
  ])

  const whatCan = program
    .command('what-can <user> <tenant>')
    .description('list the permissions a user has in a tenant')
    .option(...AT_OPTION)
    .action(async (user: string, tenant: string, options: AtOptions) => {
      const at = await instantOf(options, terminal)
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('GET', `${path('tenants', tenant, 'users', user, 'permissions')}${query({ at })}`)
      printAnswer(terminal, options, answer, (one) => {
        const denied = text(one, 'denied')
        if (denied !== '') return `none: ${denied}\n`
        return prettyTable(one, 'permissions', ['PERMISSION', 'CODE', 'VIA'], (held) => [
          text(held, 'permission'),
          text(held, 'code'),
          via(held),
        ])
      })
    })
  examples(withService(whatCan), [
    'castellan what-can ann acme',
    'castellan what-can ann acme --at 2026-11-21T09:00:00Z   # what she could do then',
    'castellan what-can ann acme --at P7D                    # what she will be able to, if nothing changes',
  ])

  const whoCan = program
    .command('who-can <tenant> <permission>')
    .description('list the users who have a permission in a tenant')
    .option(...AT_OPTION)
    .action(async (tenant: string, permission: string, options: AtOptions & { readonly limit: number }) => {
      const at = await instantOf(options, terminal)
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, path('tenants', tenant, 'permissions', permission, 'users'), 'users', options.limit, { at })
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'users', ['USER', 'VIA'], (holder) => [text(holder, 'user'), via(holder)]),
      )
    })
  examples(withLimit(withService(whoCan)), [
    'castellan who-can acme finance.payout.create',
    'castellan who-can acme finance.payout.create --limit 1000 -o json',
    'castellan who-can acme finance.payout.create --at 2026-11-21T09:00:00Z',
  ])
}

async function explainDecision(terminal: Terminal, id: string, options: CheckOptions): Promise<void> {
  if (!isUuid(id)) throw new CommandError(EXIT.usage, 'Neither a user with tenant and permission, nor the id of a decision.', EXPLAIN_HINT)
  if (options.resource !== undefined || options.minPosition !== undefined)
    throw new CommandError(EXIT.usage, 'What was decided has its resource and position in its record.', EXPLAIN_HINT)
  const client = await clientFor(options, terminal.environment)
  const answer = await client.call('GET', path('decisions', id))
  printAnswer(terminal, options, answer, (one) => prettyRecord(terminal, record(one, 'decision')))
}

async function instantOf({ at }: AtOptions, terminal: Terminal): Promise<string | undefined> {
  return at === undefined ? undefined : new Date(await parseInstant('--at', at, terminal.nowMs())).toISOString()
}

function question(user: string, tenant: string, permission: string, options: CheckOptions): Json {
  return {
    user,
    tenant,
    permission,
    ...(options.resource === undefined ? {} : { resource: parseJsonObject('--resource', options.resource) }),
    ...(options.minPosition === undefined ? {} : { minPosition: options.minPosition }),
  }
}

function via(held: Json): string {
  return `${names(held, 'via')}${held['conditional'] === true ? ' (depends on the resource)' : ''}`
}

function prettyExplanation(terminal: Terminal, answer: Json): string {
  const tried = records(answer, 'tried')
  const grants = tried.map((one) => [
    `  ${text(one, 'role')}`,
    text(one, 'window'),
    `${text(one, 'outcome')}${text(one, 'failedAt') === '' ? '' : ` at ${text(one, 'failedAt')}`}`,
    text(one, 'conditionReason'),
  ])
  const wouldAllow = names(answer, 'wouldAllowWith')
  return [
    prettyDecision(terminal, record(answer, 'decision')),
    columns([
      ['tenant:', text(answer, 'tenantState')],
      ['account:', text(answer, 'accountState')],
      ['permission:', text(answer, 'permission') === '' ? 'unknown' : `${text(answer, 'permission')} (${text(answer, 'code')})`],
    ]),
    grants.length === 0 ? 'no grants\n' : `${paint(terminal, 'bold', 'grants:')}\n${columns(grants)}`,
    wouldAllow === '' ? '' : `would allow with: ${wouldAllow}\n`,
  ].join('')
}
