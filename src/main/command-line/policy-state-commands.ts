/** policy status, revisions, history, replicas: what was published, what is in force, and who answers by it. Floor 6. */
import type { Command } from 'commander'
import { prettyFields, prettyTable, records, shortRevision, text } from './pretty.ts'
import { revisionText } from './pretty-activation.ts'
import { type Json, path, query } from './service-client.ts'
import { clientFor, examples, listAll, printAnswer, type ServiceOptions, withLimit, withService } from './service-command.ts'
import { columns, plain, type Terminal } from './terminal.ts'

type ListOptions = ServiceOptions & { readonly limit: number }

export function addPolicyStateCommands(group: Command, terminal: Terminal): void {
  const status = group
    .command('status')
    .description('show the policy that the service answers by, and why files that differ from it are not in force')
    .action(async (options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      printAnswer(
        terminal,
        options,
        await client.call('GET', path('policy')),
        (one) => `${prettyFields(one, ['revision', 'loadedAt', 'source', 'permissions', 'roles'])}${faultLines(one)}`,
      )
    })
  examples(withService(status), ['castellan policy status'])

  const revisions = group
    .command('revisions')
    .description('list what was published or read from a folder, newest first')
    .action(async (options: ListOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = newestFirst(await listAll(client, path('policy', 'revisions'), 'revisions', REVISIONS_READ_MAX), options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'revisions', ['REVISION', 'CREATED', 'LAST IN FORCE', 'AUTHOR', 'COMMIT', 'MESSAGE'], (row) => [
          revisionText(row, 'revision'),
          text(row, 'createdAt'),
          text(row, 'activatedAt') || '-',
          text(row, 'author') || text(row, 'source'),
          text(row, 'sourceCommit').slice(0, COMMIT_DIGITS_SHOWN),
          text(row, 'message'),
        ]),
      )
    })
  examples(withLimit(withService(revisions)), ['castellan policy revisions', 'castellan policy revisions -o json'])

  const history = group
    .command('history')
    .description('list what was in force from when, newest first')
    .action(async (options: ListOptions) => {
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, path('policy', 'activations'), 'activations', options.limit)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'activations', ['FROM', 'REVISION', 'BY'], (row) => [
          text(row, 'activatedAt'),
          revisionText(row, 'revision'),
          text(row, 'actor'),
        ]),
      )
    })
  examples(withLimit(withService(history)), ['castellan policy history'])

  const replicas = group
    .command('replicas')
    .description('show which revision each replica answers by, since when, and who lags behind')
    .action(async (options: ServiceOptions) => {
      const client = await clientFor(options, terminal.environment)
      // In this order: a replica that is newer than the history it is held against would seem to lag.
      const answer = await client.call('GET', path('policy', 'replicas'))
      const latest = await client.call('GET', `${path('policy', 'activations')}${query({ pageSize: 1 })}`)
      const inForce = text(records(latest, 'activations')[0] ?? {}, 'revision')
      const whole = { ...answer, ...(inForce === '' ? {} : { inForce }) }
      printAnswer(terminal, options, whole, (one) => prettyReplicas(one, inForce))
    })
  examples(withService(replicas), ['castellan policy replicas', 'castellan policy replicas -o json'])
}

const COMMIT_DIGITS_SHOWN = 12
/** The service lists revisions by their name: to find the newest, all are read, up to what one command prints at most. */
const REVISIONS_READ_MAX = 10_000

function newestFirst(answer: Json, limit: number): Json {
  const all = [...records(answer, 'revisions')].sort((a, b) => Date.parse(text(b, 'createdAt')) - Date.parse(text(a, 'createdAt')))
  return { ...answer, revisions: all.slice(0, limit), ...(all.length > limit ? { nextPageToken: 'more' } : {}) }
}

function faultLines(status: Json): string {
  const faults = Array.isArray(status['faults']) ? status['faults'] : []
  return faults.map((fault) => `${plain(String(fault))}\n`).join('')
}

function prettyReplicas(answer: Json, inForce: string): string {
  const rows = records(answer, 'replicas')
  if (rows.length === 0) return 'no replica is known\n'
  const behind = rows.filter((row) => text(row, 'revision') !== inForce)
  const table = columns([
    ['REPLICA', 'REVISION', 'SINCE', 'POSITION', 'SEEN', ''],
    ...rows.map((row) => [
      text(row, 'id'),
      revisionText(row, 'revision') || 'none yet',
      text(row, 'revisionSince'),
      text(row, 'position'),
      text(row, 'seenAt'),
      behind.includes(row) ? 'behind' : '',
    ]),
  ])
  if (inForce === '') return `${table}no revision was ever activated\n`
  const what = `${shortRevision(inForce)}, the revision in force`
  return behind.length === 0
    ? `${table}${rows.length === 1 ? 'the only replica answers' : `all ${rows.length} replicas answer`} by ${what}\n`
    : `${table}${behind.length} of ${rows.length} ${behind.length === 1 ? 'does' : 'do'} not answer by ${what}\n`
}
