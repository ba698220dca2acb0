/** What all commands that talk to a service share: address, key, output form, reason. Floor 6. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Environment } from '../setting-table.ts'
import { parseReason } from './arguments.ts'
import { CommandError, EXIT } from './exit.ts'
import { type Json, openServiceClient, query, type ServiceClient } from './service-client.ts'
import type { Terminal } from './terminal.ts'

export interface ServiceOptions {
  readonly url?: string
  readonly key?: string
  readonly output: 'pretty' | 'json'
}

/** Which of the two services a command talks to. */
export type ServiceName = 'decision' | 'identity'
const URL_HELP: Readonly<Record<ServiceName, string>> = {
  decision: 'service to talk to (CASTELLAN_URL; default http://127.0.0.1:8080)',
  identity: 'identity service to talk to (CASTELLAN_IDENTITY_URL; default http://127.0.0.1:8081)',
}

/** Adds `--url`, `--key` and `--output`. */
export function withService(command: Command, service: ServiceName = 'decision'): Command {
  return withOutput(
    command
      .option('--url <url>', URL_HELP[service])
      .option('--key <key>', 'caller key (better: CASTELLAN_KEY or CASTELLAN_KEY_FILE, which other users cannot see)'),
  )
}

export function withOutput(command: Command): Command {
  return command.addOption(new Option('-o, --output <form>', 'form of the answer').choices(['pretty', 'json']).default('pretty'))
}

/** What every command that changes something takes. */
export interface ChangeOptions extends ServiceOptions {
  readonly reason?: string
  /** False with `--no-wait`. */
  readonly wait: boolean
}

/** Adds `--reason`, `--no-wait` and the options of every service command, and tells in the help when a change is in force. */
export function withChange(
  command: Command,
  {
    reasonRequired = false,
    unwaited = UNWAITED,
    service = 'decision',
  }: { readonly reasonRequired?: boolean; readonly unwaited?: string; readonly service?: ServiceName } = {},
): Command {
  const reason = ['--reason <text>', 'why, kept in the audit', parseReason] as const
  const reasoned = reasonRequired ? command.requiredOption(...reason) : command.option(...reason)
  return withService(
    reasoned.option('--no-wait', 'end as soon as the change is stored, not when it is in force on every replica'),
    service,
  ).addHelpText(
    'after',
    `\nIt ends when the change is in force on every replica: nothing asked after that is answered from before it.\n${unwaited}`,
  )
}

const UNWAITED = `With --no-wait a replica may answer from before the change for up to a second, unless it is asked with
check --min-position <position>, the position that the change answered.`

/** Why, and whether to wait: what every change sends besides its own fields. A service waits unless it is told not to. */
export function changeFields(options: ChangeOptions): { readonly reason?: string; readonly wait?: false } {
  return { ...(options.reason === undefined ? {} : { reason: options.reason }), ...(options.wait ? {} : { wait: false }) }
}

/** Adds `--min-position`. */
export function withMinPosition(command: Command): Command {
  return command.option(
    '--min-position <n>',
    'answer from this position or a later one, such as the position that a change answered; fails when that cannot be done yet',
    parsePosition,
  )
}

function parsePosition(text: string): number {
  const position = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(position)) throw new InvalidArgumentError(`must be a whole number, 0 to ${Number.MAX_SAFE_INTEGER}`)
  return position
}

export function withLimit(command: Command): Command {
  return command.option('--limit <number>', `at most so many, 1 to ${LIST_LIMIT_MAX}`, parseLimit, 100)
}

/** Most entries one command prints: more is a job for the API. */
const LIST_LIMIT_MAX = 10_000
const PAGE_SIZE_MAX = 1_000

function parseLimit(text: string): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > LIST_LIMIT_MAX) throw new InvalidArgumentError(`must be a whole number, 1 to ${LIST_LIMIT_MAX}`)
  return limit
}

/** The client for a command's options; the environment stands in for what was not typed. */
export async function clientFor(
  options: ServiceOptions,
  environment: Environment,
  service: ServiceName = 'decision',
): Promise<ServiceClient> {
  const { readClientSettings } = await import('../settings.ts')
  // What was typed wins, and a stale variable beside it is not looked at.
  const { CASTELLAN_KEY: key, CASTELLAN_KEY_FILE: keyFile, ...rest } = environment
  const setting = service === 'decision' ? 'CASTELLAN_URL' : 'CASTELLAN_IDENTITY_URL'
  const settings = readClientSettings({
    ...rest,
    [setting]: options.url ?? rest[setting],
    CASTELLAN_KEY: options.key ?? key,
    CASTELLAN_KEY_FILE: options.key === undefined ? keyFile : undefined,
  })
  return openServiceClient(service === 'decision' ? settings.url : settings.identityUrl, settings.key, setting)
}

/** Writes `answer` as JSON, or as `pretty` words it. */
export function printAnswer(terminal: Terminal, options: ServiceOptions, answer: Json, pretty: (answer: Json) => string): void {
  terminal.out(options.output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : pretty(answer))
}

/** Follows pages of `field` until `limit`; answers the first page's other fields beside all items, and `nextPageToken` when there is more. */
export async function listAll(
  client: ServiceClient,
  address: string,
  field: string,
  limit: number,
  filter: Readonly<Record<string, string | number | boolean | undefined>> = {},
): Promise<Json> {
  const items: unknown[] = []
  let pageToken: string | undefined
  let first: Json | undefined
  do {
    const page = await client.call(
      'GET',
      `${address}${query({ ...filter, pageSize: Math.min(limit - items.length, PAGE_SIZE_MAX), pageToken })}`,
    )
    first ??= page
    items.push(...(Array.isArray(page[field]) ? page[field] : []))
    pageToken = typeof page['nextPageToken'] === 'string' && page['nextPageToken'] !== '' ? page['nextPageToken'] : undefined
  } while (pageToken !== undefined && items.length < limit)
  const { nextPageToken: _, ...rest } = first ?? {}
  return { ...rest, [field]: items, ...(pageToken === undefined ? {} : { nextPageToken: pageToken }) }
}

/** @throws CommandError (usage) naming `option` */
export function parseJsonObject(option: string, text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  } catch {
    // told below
  }
  throw new CommandError(EXIT.usage, `${option}: not a JSON object: ${text}`)
}

/** `Examples:` under a command's help. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join('')}`)
}
