/** Where a verifier or an export gets the audit from: the service, page by page. Judges nothing. Floor 6. */
import type { AuditCheckpoint, AuditHead, ChainedRecord } from '../../model/audit-trail.ts'
import { AUDIT_CHECKPOINTS_VERIFIED_MAX } from '../../model/observation-limits.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { path, query, type ServiceClient } from '../command-line/service-client.ts'
import { chainedOf, chainsOf, checkpointOf, headsOf } from './chained-json.ts'

export interface AuditSource {
  /** Read first. */
  heads(): Promise<readonly AuditHead[]>
  /** Oldest first. */
  checkpoints(): Promise<readonly AuditCheckpoint[]>
  /** @param since of chains only what stands behind these places; chains that are not among them from their first record on, and all without a link */
  records(since?: readonly AuditHead[]): AsyncIterable<ChainedRecord>
  /** Read last. */
  finalHeads(): Promise<readonly AuditHead[]>
}

const PAGE_SIZE = 1_000

/** @throws CommandError from each of its parts, with what the service said */
export function serviceAuditSource(client: ServiceClient): AuditSource {
  const ask = () => client.call('GET', path('audit', 'heads'))
  const readHeads = async () => headsOf((await ask())['heads'], 'heads')
  return {
    heads: readHeads,
    async checkpoints() {
      const found: AuditCheckpoint[] = []
      for await (const one of pages(client, path('audit', 'checkpoints'), 'checkpoints')) {
        found.push(checkpointOf(one, 'a checkpoint'))
        requireBounded(found.length)
      }
      return found
    },
    async *records(since) {
      if (since === undefined) {
        for await (const one of pages(client, path('audit', 'chain'), 'entries')) yield chainedOf(one, 'an entry')
        return
      }
      // Those that stand in no chain come first, and they are few.
      for await (const one of pages(client, path('audit', 'chain'), 'entries')) {
        const chained = chainedOf(one, 'an entry')
        if (chained.link !== undefined) break
        yield chained
      }
      const begins = new Map(since.map(({ chain, sequence }) => [chain, sequence]))
      const chains = new Set([...begins.keys(), ...chainsOf((await ask())['chains'], 'heads')])
      for (const chain of [...chains].sort((a, b) => a - b))
        for await (const one of pages(client, path('audit', 'chain'), 'entries', { chain, afterSequence: begins.get(chain) ?? 0 }))
          yield chainedOf(one, 'an entry')
    },
    finalHeads: readHeads,
  }
}

/** @throws CommandError */
export function requireBounded(checkpoints: number): void {
  if (checkpoints > AUDIT_CHECKPOINTS_VERIFIED_MAX)
    throw new CommandError(EXIT.fault, `There are more than ${AUDIT_CHECKPOINTS_VERIFIED_MAX} checkpoints, more than can be held at once.`)
}

/** Items of all pages of `field`, as the service wrote them. @throws CommandError */
export async function* pages(
  client: ServiceClient,
  address: string,
  field: string,
  filter: Readonly<Record<string, number>> = {},
): AsyncGenerator<unknown> {
  let pageToken: string | undefined
  do {
    const page = await client.call('GET', `${address}${query({ ...filter, pageSize: PAGE_SIZE, pageToken })}`)
    const items = page[field]
    if (!Array.isArray(items)) throw new CommandError(EXIT.fault, `The service answered no ${field}: is it of an older version?`)
    yield* items as readonly unknown[]
    pageToken = typeof page['nextPageToken'] === 'string' && page['nextPageToken'] !== '' ? page['nextPageToken'] : undefined
  } while (pageToken !== undefined)
}
