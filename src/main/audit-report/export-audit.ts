/** The whole audit as it is written out: JSON lines that can be verified offline, or CSV for people. Holds one page at a time. Floor 6. */
import type { Json, ServiceClient } from '../command-line/service-client.ts'
import { path } from '../command-line/service-client.ts'
import { pages } from './audit-source.ts'
import { csvRow } from './csv.ts'

export type ExportFormat = 'csv' | 'json'

/** What the first line of an export in JSON says, so that nothing else is taken for one. */
export const EXPORT_KIND = 'castellan-audit-export'

/**
 * Pieces of the file in order; the last line of JSON says that it is whole.
 * @param seen called with the number of records so far
 * @throws CommandError with what the service said
 */
export async function* exportAudit(
  client: ServiceClient,
  format: ExportFormat,
  nowMs: number,
  seen: (records: number) => void,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvRow(CSV_COLUMNS)
  else {
    const { heads } = await client.call('GET', path('audit', 'heads'))
    yield line({ export: EXPORT_KIND, version: 1, at: new Date(nowMs).toISOString(), heads })
    for await (const checkpoint of pages(client, path('audit', 'checkpoints'), 'checkpoints')) yield line({ checkpoint })
  }
  let records = 0
  for await (const chained of pages(client, path('audit', 'chain'), 'entries')) {
    yield format === 'csv' ? csvRow(cellsOf(chained as Json)) : line(chained)
    seen(++records)
  }
  // Read last: between the first heads and these, records may have been added.
  if (format === 'json') yield line({ end: { records, heads: (await client.call('GET', path('audit', 'heads')))['heads'] } })
}

const ENTRY_COLUMNS = [
  ...(['id', 'at', 'action', 'result', 'actor', 'actorName', 'tenant', 'user', 'target', 'reason'] as const),
  ...(['before', 'after', 'position', 'requestId'] as const),
]
const LINK_COLUMNS = ['chain', 'sequence', 'previousHash', 'hash'] as const
const CSV_COLUMNS = [...ENTRY_COLUMNS, ...LINK_COLUMNS]

function cellsOf({ entry, link }: Json): readonly string[] {
  return [
    ...ENTRY_COLUMNS.map((name) => cellText((entry as Json)[name])),
    ...LINK_COLUMNS.map((name) => cellText((link as Json | undefined)?.[name])),
  ]
}

function cellText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
