/** caller …: who may call the service. Floor 6. */
import { type Command, Option } from 'commander'
import { CommandError, EXIT } from './exit.ts'
import { parseDurationSeconds, parseInstant } from './instant.ts'
import { names, prettyChange, prettyTable, record, text } from './pretty.ts'
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

interface CreateOptions extends ChangeOptions {
  readonly scopes: readonly string[]
  readonly tenants?: readonly string[]
  readonly until?: string
}
export function addCallerCommands(program: Command, terminal: Terminal): void {
  const group = program.command('caller').description('create, list, rotate and revoke the keys by which services and operators call')

  const create = group
    .command('create <name>')
    .description('make a caller; its key is printed once and stored only as a hash')
    .addOption(
      new Option(
        '--scopes <scope...>',
        'what it may do, separated by blanks: decide, administer, publish, audit, replicate (for local checks, beside decide)',
      ).makeOptionMandatory(),
    )
    .option('--tenants <tenant...>', 'only in these tenants, separated by blanks (default: all)')
    .option('--until <time>', 'until just before: an instant, or a duration from now (default: without end)')
    .action(async (name: string, options: CreateOptions) => {
      refuseCommas('--scopes', options.scopes, 'decide administer')
      refuseCommas('--tenants', options.tenants ?? [], 'acme north-clinic', ' (a tenant with a comma in its id: POST /v1/callers)')
      const untilMs = options.until === undefined ? undefined : await parseInstant('--until', options.until, terminal.nowMs())
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', path('callers'), {
        name,
        scopes: options.scopes,
        ...(options.tenants === undefined ? {} : { tenants: options.tenants }),
        ...(untilMs === undefined ? {} : { expiresAt: new Date(untilMs).toISOString() }),
        ...changeFields(options),
      })
      printAnswer(terminal, options, answer, (one) =>
        prettyChange(one, `created caller ${text(record(one, 'caller'), 'id')}`, {
          more: `key (shown once): ${text(one, 'key')}\n`,
          unwaited: KNOWN_WITHIN,
        }),
      )
    })
  examples(withChange(create, { unwaited: UNWAITED }), [
    'castellan caller create billing --scopes decide',
    'castellan caller create clinic-desk --scopes decide administer --tenants north-clinic --until P90D',
  ])

  const list = group
    .command('list')
    .description('list callers, without their keys')
    .action(async (options: ServiceOptions & { readonly limit: number }) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, path('callers'), 'callers', options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'callers', ['ID', 'NAME', 'SCOPES', 'TENANTS', 'UNTIL', 'REVOKED'], (caller) => [
          text(caller, 'id'),
          text(caller, 'name'),
          names(caller, 'scopes'),
          Array.isArray(caller['tenants']) ? names(caller, 'tenants') : 'all',
          text(caller, 'expiresAt'),
          text(caller, 'revokedAt'),
        ]),
      )
    })
  examples(withLimit(withService(list)), ['castellan caller list'])

  const rotate = group
    .command('rotate <id>')
    .description('give a caller a new key; the present one stays good for a while, so that a service changes over without a gap')
    .option('--overlap <duration>', 'how long both keys are good, such as PT1H; PT0S ends the present one now (default: P1D)')
    .action(async (id: string, options: ChangeOptions & { readonly overlap?: string }) => {
      const overlapSeconds = options.overlap === undefined ? undefined : parseDurationSeconds('--overlap', options.overlap)
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('POST', path('callers', id, 'rotate'), {
        ...(overlapSeconds === undefined ? {} : { overlapSeconds }),
        ...changeFields(options),
      })
      printAnswer(terminal, options, answer, (one) =>
        prettyChange(one, `new key; the present one is good until ${text(one, 'previousKeyUntil')}`, {
          more: `key (shown once): ${text(one, 'key')}\n`,
          unwaited: KNOWN_WITHIN,
        }),
      )
    })
  examples(withChange(rotate, { unwaited: UNWAITED }), [
    'castellan caller rotate 0b8e… --overlap PT1H --reason "yearly"',
    'castellan caller rotate 0b8e… --overlap PT0S --reason "key was in a log"',
  ])

  const revoke = group
    .command('revoke <id>')
    .description('end a caller; its key is refused from now on')
    .action(async (id: string, options: ChangeOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await client.call('DELETE', `${path('callers', id)}${query(changeFields(options))}`)
      printAnswer(terminal, options, answer, (one) => prettyChange(one, 'revoked', { unwaited: KNOWN_WITHIN }))
    })
  examples(withChange(revoke, { unwaited: UNWAITED }), ['castellan caller revoke 0b8e… --reason "key was in a log"'])
}

/** No position helps here: a replica knows a caller or does not before it looks at the question. */
const KNOWN_WITHIN = 'every replica knows of it within a second'
const UNWAITED = 'With --no-wait a replica may know nothing of the change for up to a second.'

/** `acme,foo` is one id: the caller would be made, and be of use nowhere. @throws CommandError (usage) */
function refuseCommas(option: string, values: readonly string[], example: string, otherwise = ''): void {
  const joined = values.find((value) => value.includes(','))
  if (joined !== undefined)
    throw new CommandError(EXIT.usage, `${option}: has a comma: ${plain(joined)}`, `Separate by blanks: ${option} ${example}${otherwise}`)
}
