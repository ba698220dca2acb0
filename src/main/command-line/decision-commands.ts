/** check, explain, what-can, who-can. Floor 6. */
import type { Command } from 'commander'
import { names, prettyDecision, prettyTable, record, records, text } from './pretty.ts'
import { type Json, path } from './service-client.ts'
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
    .command('explain <user> <tenant> <permission>')
    .description('say why: each grant tried, the first failing condition, what would allow')
    .option('--resource <json>', 'attributes for conditions, a JSON object')
    .action(async (user: string, tenant: string, permission: string, options: CheckOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', '/v1/explain', question(user, tenant, permission, options))
      printAnswer(terminal, options, answer, (one) => prettyExplanation(terminal, one))
    })
  examples(withService(withMinPosition(explain)), [
    'castellan explain ann acme finance.payout.create',
    'castellan explain ann acme finance.payout.create --min-position 42',
  ])

  const whatCan = program
    .command('what-can <user> <tenant>')
    .description('list the permissions a user has in a tenant')
    .action(async (user: string, tenant: string, options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('GET', path('tenants', tenant, 'users', user, 'permissions'))
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
  examples(withService(whatCan), ['castellan what-can ann acme'])

  const whoCan = program
    .command('who-can <tenant> <permission>')
    .description('list the users who have a permission in a tenant')
    .action(async (tenant: string, permission: string, options: ServiceOptions & { readonly limit: number }) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, path('tenants', tenant, 'permissions', permission, 'users'), 'users', options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'users', ['USER', 'VIA'], (holder) => [text(holder, 'user'), via(holder)]),
      )
    })
  examples(withLimit(withService(whoCan)), [
    'castellan who-can acme finance.payout.create',
    'castellan who-can acme finance.payout.create --limit 1000 -o json',
  ])
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
