/** user invite|sessions|log-out, client …, keys …: who logs in, to what, signed by which keys. They talk to the identity service. Floor 6. */
import type { Command } from 'commander'
import { names, prettyChange, prettyTable, records, text } from './pretty.ts'
import { type Json, path, query } from './service-client.ts'
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
import type { Terminal } from './terminal.ts'

interface InviteOptions extends ChangeOptions {
  readonly email: string
  readonly client: string
  readonly name?: string
  readonly redirect?: string
  readonly tenant?: string
  readonly locale?: string
}
interface PutClientOptions extends ChangeOptions {
  readonly name: string
  readonly redirect?: readonly string[]
}
type ListOptions = ServiceOptions & { readonly limit: number }

/** No position helps here: no check depends on it. */
const UNWAITED = 'With --no-wait a replica may know nothing of the change for up to a second.'
const KNOWN_WITHIN = 'every replica knows of it within a second'
const change = { unwaited: UNWAITED, service: 'identity' } as const

/** Beside the commands on users that talk to the decision service. */
export function addUserLoginCommands(group: Command, terminal: Terminal): void {
  const invite = group
    .command('invite <user>')
    .description('register a user and mail a link that signs in for the first time; again: another mail, and the link before is void')
    .requiredOption('--email <address>', 'where the mail goes; the address that they log in by from then on')
    .requiredOption('--client <id>', 'application that the link signs in to (see `castellan client list`)')
    .option('--name <name>', 'display name')
    .option('--redirect <uri>', 'where the link leads to afterwards, as registered for the application')
    .option('--tenant <tenant>', 'tenant to sign in to')
    .option('--locale <locale>', 'language of the mail: en or fr')
    .action(async (user: string, options: InviteOptions) => {
      const { email, client: clientId, name: displayName, redirect: redirectUri, tenant, locale } = options
      const client = await clientFor(options, terminal.environment, 'identity')
      const body = given({ email, clientId, displayName, redirectUri, tenant, locale })
      const answer = await client.call('POST', path('users', user, 'invite'), { ...body, ...changeFields(options) })
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'invited; the mail is on its way', { unwaited: KNOWN_WITHIN }))
    })
  examples(withChange(invite, change), [
    'castellan user invite bob --email bob@example.org --client portal --reason "joins the finance team"',
    'castellan user invite eve --email eve@example.org --client portal --tenant north-clinic --locale fr',
  ])

  const sessions = group
    .command('sessions <user>')
    .description('list the live sessions of a user')
    .action(async (user: string, options: ListOptions) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const answer = await listAll(client, path('users', user, 'sessions'), 'sessions', options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'sessions', ['SINCE', 'REFRESHED', 'UNTIL', 'CLIENT', 'TENANT', 'DEVICE', 'ID'], (row) =>
          ['createdAt', 'refreshedAt', 'expiresAt', 'clientId', 'tenant', 'agent', 'id'].map((field) => text(row, field)),
        ),
      )
    })
  examples(withLimit(withService(sessions, 'identity')), ['castellan user sessions bob'])

  const logOut = group
    .command('log-out <user>')
    .description('end all sessions of a user; they can log in again (to keep them out: user deactivate)')
    .action(async (user: string, options: ChangeOptions) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const answer = await client.call('DELETE', `${path('users', user, 'sessions')}${query(changeFields(options))}`)
      printAnswer(terminal, options, answer, (one) =>
        prettyChange(one, `sessions ended: ${records(one, 'sessions').length}`, { nothing: 'no live session: nothing to change' }),
      )
    })
  examples(withChange(logOut, { reasonRequired: true, service: 'identity' }), ['castellan user log-out bob --reason "lost a laptop"'])
}

export function addLoginCommands(program: Command, terminal: Terminal): void {
  addClientCommands(program.command('client').description('register, list and revoke the applications that people log in to'), terminal)
  addKeyCommands(program.command('keys').description('rotate the keys that sign access tokens'), terminal)
}

function addClientCommands(group: Command, terminal: Terminal): void {
  const put = group
    .command('put <id>')
    .description('register an application, or change one: its name, and where a login may lead to')
    .requiredOption('--name <name>', 'as people see it in mails and on pages')
    .option('--redirect <uri...>', 'where a login may lead to, separated by blanks; compared character by character')
    .action(async (id: string, options: PutClientOptions) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const body = { name: options.name, redirectUris: options.redirect ?? [], ...changeFields(options) }
      const answer = await client.call('PUT', path('login-clients', id), body)
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'stored', { unwaited: KNOWN_WITHIN }))
    })
  examples(withChange(put, change), [
    'castellan client put portal --name "Staff portal" --redirect https://portal.example.org/signed-in',
    'castellan client put phone --name "Ward phone" --redirect com.example.ward:/signed-in',
  ])

  const list = group
    .command('list')
    .description('list applications')
    .action(async (options: ListOptions) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const answer = await listAll(client, path('login-clients'), 'clients', options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'clients', ['ID', 'NAME', 'REDIRECTS', 'REVOKED'], (row) => [
          text(row, 'id'),
          text(row, 'name'),
          names(row, 'redirectUris'),
          text(row, 'revokedAt'),
        ]),
      )
    })
  examples(withLimit(withService(list, 'identity')), ['castellan client list'])

  const revoke = group
    .command('revoke <id>')
    .description('end an application: nobody logs in to it any more, and all its sessions end')
    .action(async (id: string, options: ChangeOptions) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const answer = await client.call('DELETE', `${path('login-clients', id)}${query(changeFields(options))}`)
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'revoked', { unwaited: KNOWN_WITHIN }))
    })
  examples(withChange(revoke, change), ['castellan client revoke portal --reason "replaced"'])
}

function addKeyCommands(group: Command, terminal: Terminal): void {
  const rotate = group
    .command('rotate')
    .description('sign with the next key from now on; tokens that are out stay good (keys rotate by themselves every 30 days)')
    .option('--emergency', 'a key is known to others: no token that is out is believed any more, and people refresh once')
    .action(async (options: ChangeOptions & { readonly emergency?: boolean }) => {
      const client = await clientFor(options, terminal.environment, 'identity')
      const kind = options.emergency === true ? 'emergency' : 'normal'
      const answer = await client.call('POST', path('keys', 'rotate'), { kind, ...changeFields(options) })
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'rotated', { more: keyTable(one), unwaited: KNOWN_WITHIN }))
    })
  examples(withChange(rotate, change), [
    'castellan keys rotate --reason "before the audit"',
    'castellan keys rotate --emergency --reason "backup was stolen"',
  ])
}

function keyTable(answer: Json): string {
  return prettyTable(answer, 'keys', ['STATE', 'ALGORITHM', 'SINCE', 'KEY'], (row) => [
    text(row, 'state'),
    text(row, 'algorithm'),
    text(row, 'activatedAt') || text(row, 'createdAt'),
    text(row, 'kid'),
  ])
}

/** Without what was not typed. */
function given(fields: Readonly<Record<string, string | undefined>>): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
