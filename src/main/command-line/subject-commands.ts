/** user …, tenant …: the subjects of decisions. Floor 6. */
import type { Command } from 'commander'
import { addUserLoginCommands } from './login-commands.ts'
import { names, prettyChange, prettyFields, prettyTable, record, records, text } from './pretty.ts'
import { type Json, path } from './service-client.ts'
import {
  type ChangeOptions,
  changeFields,
  clientFor,
  examples,
  listAll,
  parseJsonObject,
  printAnswer,
  type ServiceOptions,
  withChange,
  withLimit,
  withService,
} from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface PutOptions extends ChangeOptions {
  readonly email?: string
  readonly name?: string
  readonly attributes?: string
}
type ListOptions = ServiceOptions & { readonly limit: number }

const USER_FIELDS = ['id', 'email', 'displayName', 'state', 'stateReason', 'attributes', 'createdAt']
const TENANT_FIELDS = ['id', 'displayName', 'state', 'attributes', 'createdAt']

export function addSubjectCommands(program: Command, terminal: Terminal): void {
  const users = program.command('user').description('create, invite, show, list, deactivate and reactivate users, and end their sessions')
  addUserCommands(users, terminal)
  addUserLoginCommands(users, terminal)
  addTenantCommands(program.command('tenant').description('create, show, list, suspend and resume tenants'), terminal)
}

function addUserCommands(group: Command, terminal: Terminal): void {
  const create = group
    .command('create <user>')
    .description('create a user, or change what is given of one that exists')
    .option('--email <address>')
    .option('--name <name>', 'display name')
    .option('--attributes <json>', 'attributes for conditions, a JSON object')
    .action(async (user: string, options: PutOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('PUT', path('users', user), {
        ...(options.email === undefined ? {} : { email: options.email }),
        ...putBody(options),
      })
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'stored'))
    })
  examples(withChange(create), [`castellan user create eve --email eve@example.org --attributes '{"facilities":["north"]}'`])

  const show = group
    .command('show <user>')
    .description('show one user')
    .action(async (user: string, options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      printAnswer(terminal, options, await client.call('GET', path('users', user)), (one) => prettyFields(inside(one, 'user'), USER_FIELDS))
    })
  examples(withService(show), ['castellan user show eve'])

  const list = group
    .command('list')
    .description('list users')
    .action(async (options: ListOptions) => {
      const client = await clientFor(options, terminal.environment)
      printAnswer(terminal, options, await listAll(client, path('users'), 'users', options.limit), (one) => subjects(one, 'users'))
    })
  examples(withLimit(withService(list)), ['castellan user list --limit 1000'])

  addState(group, terminal, 'user', 'deactivate', 'deny a user everything, everywhere; roles stay as they are')
  addState(group, terminal, 'user', 'reactivate', 'end a deactivation; the roles are as they were')
}

function addTenantCommands(group: Command, terminal: Terminal): void {
  const create = group
    .command('create <tenant>')
    .description('create a tenant, or change what is given of one that exists')
    .option('--name <name>', 'display name')
    .option('--attributes <json>', 'attributes for conditions, a JSON object')
    .action(async (tenant: string, options: PutOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('PUT', path('tenants', tenant), putBody(options))
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'stored'))
    })
  examples(withChange(create), ['castellan tenant create south-clinic --name "South Clinic"'])

  const show = group
    .command('show <tenant>')
    .description('show one tenant')
    .action(async (tenant: string, options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      printAnswer(terminal, options, await client.call('GET', path('tenants', tenant)), (one) =>
        prettyFields(inside(one, 'tenant'), TENANT_FIELDS),
      )
    })
  examples(withService(show), ['castellan tenant show acme'])

  const list = group
    .command('list')
    .description('list tenants')
    .action(async (options: ListOptions) => {
      const client = await clientFor(options, terminal.environment)
      printAnswer(terminal, options, await listAll(client, path('tenants'), 'tenants', options.limit), (one) => subjects(one, 'tenants'))
    })
  examples(withLimit(withService(list)), ['castellan tenant list'])

  addState(group, terminal, 'tenant', 'suspend', 'deny everybody everything in a tenant; assignments stay as they are')
  addState(group, terminal, 'tenant', 'resume', 'end a suspension')
}

/** A change of state takes a reason: somebody will ask. */
function addState(group: Command, terminal: Terminal, kind: 'user' | 'tenant', verb: string, description: string): void {
  const command = group
    .command(`${verb} <${kind}>`)
    .description(description)
    .action(async (id: string, options: ChangeOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', path(`${kind}s`, id, verb), changeFields(options))
      printAnswer(terminal, options, answer, (one) => {
        const ended = records(one, 'expiredMeanwhile').map((row) => `ended meanwhile: ${text(row, 'role')} in ${text(row, 'tenant')}\n`)
        const constraints = names(one, 'brokenConstraints')
        const broken = constraints === '' ? [] : [`the roles now break: ${constraints}\n`]
        return prettyChange(one, `${verb}d`.replace('suspendd', 'suspended'), { more: [...ended, ...broken].join('') })
      })
    })
  examples(withChange(command, { reasonRequired: true }), [
    `castellan ${kind} ${verb} ${kind === 'user' ? 'bob' : 'acme'} --reason "ticket 4711"`,
  ])
}

function putBody(options: PutOptions): Json {
  return {
    ...(options.name === undefined ? {} : { displayName: options.name }),
    ...(options.attributes === undefined ? {} : { attributes: parseJsonObject('--attributes', options.attributes) }),
    ...changeFields(options),
  }
}

function subjects(answer: Json, field: string): string {
  return prettyTable(answer, field, ['ID', 'STATE', 'NAME'], (one) => ['id', 'state', 'displayName'].map((name) => text(one, name)))
}

/** The record itself, whether the answer wraps it under its name or is it. */
function inside(answer: Json, field: string): Json {
  const inner = record(answer, field)
  return Object.keys(inner).length === 0 ? answer : inner
}
