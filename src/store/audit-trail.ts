/** Rows of the audit trail with their links, heads of chains and checkpoints; what `audit.ts` wrote, read for verifiers. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { AuditCheckpoint, AuditHead, ChainedRecord, ChainPlace, UnchainedRecords } from '../model/audit-trail.ts'
import {
  AUDIT_CHAIN_NUMBER_MAX,
  AUDIT_UNCHAINED_COUNTED_AT_ONCE_MAX,
  AUDIT_UNCHAINED_READ_AT_ONCE_MAX,
} from '../model/observation-limits.ts'
import type { Page } from '../model/records.ts'
import { hashOfUnchained, NO_UNCHAINED } from './audit-chain.ts'
import type { AuditTrailStore, CheckpointTurn, SignCheckpoint } from './audit-ports.ts'
import {
  AUDIT_COLUMNS_SQL,
  AUDIT_IMPOSSIBLE_COLUMNS,
  type AuditRow,
  auditRecordOf,
  nearestInstant,
  nearestNumber,
  otherThanRead,
  unsoundColumns,
} from './audit-row.ts'
import type { ChangeTurns } from './change-turns.ts'
import type { Database } from './database.ts'
import { asStoreWork } from './fault.ts'
import { decodeNumberPageToken, decodePageToken, pageTokenError, readPage } from './page.ts'
import { CLOCK_SQL, msOf, msSql, timestampOf } from './value-types.ts'

/** Of the advisory lock: `castellan audit` in letters that nobody else of ours takes. */
const CHECKPOINT_LOCK = 4_207_010

/** @param turns of changes: a checkpoint is written as they are */
export function openAuditTrailStore(database: Database, turns: ChangeTurns): AuditTrailStore {
  const db = database.knex
  return {
    listChained: (page, after) => asStoreWork(() => listChained(db, page, after)),
    listHeads: () => asStoreWork(() => listHeads(db)),
    listChains: () => asStoreWork(() => listChains(db)),
    listCheckpoints: (page) => asStoreWork(() => listCheckpoints(db, page)),
    addCheckpoint: (afterMs, sign) =>
      turns.run(() => asStoreWork(() => db.transaction((transaction) => addCheckpoint(transaction, afterMs, sign)))),
  }
}

interface LinkedRow extends AuditRow {
  /** Where the next page goes on: exact, however large what is in the row. */
  readonly key: string
  readonly impossible: string | null
  readonly chain: number | null
  readonly sequence: number | null
  readonly previous: string | null
  readonly hash: string | null
}

/** The same words as those of the index of rows that stand in no chain. */
const UNCHAINED = 'num_nonnulls(chain, sequence, previous_hash, hash) < 4'
const CHAINED = 'num_nonnulls(chain, sequence, previous_hash, hash) = 4'

async function listChained(db: Knex, page: PageInput, after: ChainPlace | undefined): Promise<Page<ChainedRecord>> {
  const begin = parseKey(decodePageToken(page.pageToken))
  const { items, nextPageToken } = await readPage(
    page,
    ({ key }: LinkedRow) => key,
    async (limit) => {
      if (after !== undefined)
        return await readChained(db, begin?.place ?? [String(after.chain), String(after.sequence), LAST_ID], limit, after.chain)
      if (begin?.place !== undefined) return await readChained(db, begin.place, limit)
      const first = await readUnchained(db, begin?.id, limit)
      return first.length === limit ? first : [...first, ...(await readChained(db, undefined, limit - first.length))]
    },
  )
  return { items: items.map(chainedOf), ...(nextPageToken === undefined ? {} : { nextPageToken }) }
}

async function readUnchained(db: Knex, afterId: string | undefined, limit: number): Promise<readonly LinkedRow[]> {
  const query = selectLinked(db, 'id::text').whereRaw(UNCHAINED).orderBy('audit_event.id').limit(limit)
  if (afterId !== undefined) query.where('id', '>', afterId)
  return (await query) as LinkedRow[]
}

/** Two rows at one place can only be somebody's work, and are both shown. */
async function readChained(db: Knex, after: Place | undefined, limit: number, chain?: number): Promise<readonly LinkedRow[]> {
  const query = selectLinked(db, `concat_ws('.', chain, sequence, id)`)
    .whereRaw(CHAINED)
    .orderBy(['audit_event.chain', 'audit_event.sequence', 'audit_event.id'])
    .limit(limit)
  if (after !== undefined) query.whereRaw('(chain, sequence, id) > (?::smallint, ?::bigint, ?::bigint)', [...after])
  if (chain !== undefined) query.where({ chain })
  return (await query) as LinkedRow[]
}

const NEAREST_CHAIN = 'case when chain is not null then greatest(chain, 0) end'
const NEAREST_SEQUENCE = `case when sequence is not null then greatest(${nearestNumber('sequence')}, 1) end`

function selectLinked(db: Knex, key: string): Knex.QueryBuilder {
  return db('audit_event').select(
    db.raw(`${AUDIT_COLUMNS_SQL}, ${key} as key, case when chain = ${NEAREST_CHAIN} then chain end as chain,
      case when sequence = ${NEAREST_SEQUENCE} then sequence end as sequence,
      encode(previous_hash, 'hex') as previous, encode(hash, 'hex') as hash,
      ${otherThanRead({ ...AUDIT_IMPOSSIBLE_COLUMNS, chain: NEAREST_CHAIN, sequence: NEAREST_SEQUENCE })} as impossible`),
  )
}

function chainedOf(row: LinkedRow): ChainedRecord {
  const { chain, sequence, previous, hash } = row
  const faults = [...(row.impossible === null ? [] : [row.impossible]), ...unsoundColumns(row)].join(', ')
  const chained = { record: auditRecordOf(row), ...(faults === '' ? {} : { impossible: faults }) }
  if (chain === null || sequence === null || previous === null || hash === null) return { ...chained, link: undefined }
  return { ...chained, link: { chain, sequence, previousHash: previous, hash } }
}

/** Chain, sequence, id, as the database writes them. */
type Place = readonly [string, string, string]
/** Behind every row at a place. */
const LAST_ID = String(2n ** 63n - 1n)

function parseKey(key: string | undefined): { readonly id?: string; readonly place?: Place } | undefined {
  if (key === undefined) return undefined
  const [, chain, sequence, id] = /^(?:(-?\d{1,5})\.(-?\d{1,19})\.)?(-?\d{1,19})$/.exec(key) ?? []
  // As bigint and smallint hold them; what is no key of ours must not become a fault of the database.
  if (id === undefined || Math.abs(Number(chain ?? 0)) > AUDIT_CHAIN_NUMBER_MAX || !isBigint(sequence ?? '0') || !isBigint(id))
    throw pageTokenError()
  return chain === undefined || sequence === undefined ? { id } : { place: [chain, sequence, id] }
}

function isBigint(digits: string): boolean {
  return BigInt.asIntN(64, BigInt(digits)) === BigInt(digits)
}

async function listHeads(db: Knex): Promise<readonly AuditHead[]> {
  const columns = `${NEAREST_CHAIN} as chain, ${nearestNumber('sequence')} as sequence, encode(hash, 'hex') as hash`
  return await db('audit_head').select<AuditHead[]>(db.raw(columns)).orderBy('audit_head.chain')
}

/** From one chain to the next by the index: there are few chains and many rows. */
async function listChains(db: Knex): Promise<readonly number[]> {
  const answer: { rows: readonly { readonly chain: number }[] } = await db.raw(
    `with recursive found (chain) as (
       select min(chain) from audit_event
       union all select (select min(chain) from audit_event where chain > found.chain) from found where found.chain is not null
     ) select chain from found where chain is not null`,
  )
  return answer.rows.map(({ chain }) => chain)
}

async function listCheckpoints(db: Knex, page: PageInput): Promise<Page<AuditCheckpoint>> {
  const after = decodeNumberPageToken(page.pageToken)
  return await readPage(
    page,
    (checkpoint) => String(checkpoint.number),
    async (limit) => {
      const query = selectCheckpoints(db).orderBy('audit_checkpoint.number').limit(limit)
      if (after !== undefined) query.where('number', '>', after)
      return ((await query) as CheckpointRow[]).map(checkpointOf)
    },
  )
}

interface CheckpointRow {
  readonly number: number
  readonly at: Date
  readonly key_id: string
  readonly jws: string
}

function selectCheckpoints(db: Knex): Knex.QueryBuilder {
  return db('audit_checkpoint').select(db.raw(`${nearestNumber('number')} as number, ${nearestInstant('at')} as at, key_id, jws`))
}

function checkpointOf({ number, at, key_id, jws }: CheckpointRow): AuditCheckpoint {
  return { number, atMs: msOf(at), keyId: key_id, jws }
}

/** In a transaction of its own: who does not get the lock does not wait for it, because another one is doing the same. */
async function addCheckpoint(db: Knex.Transaction, afterMs: number, sign: SignCheckpoint): Promise<CheckpointTurn> {
  const turn: { rows: readonly { readonly mine: boolean; readonly now_ms: number }[] } = await db.raw(
    `select pg_try_advisory_xact_lock(?) as mine, ${msSql(CLOCK_SQL)} as now_ms`,
    [CHECKPOINT_LOCK],
  )
  const [{ mine, now_ms: nowMs } = { mine: false, now_ms: 0 }] = turn.rows
  if (!mine) return { made: undefined, coveredAtMs: undefined, nextInMs: afterMs }
  const [row] = (await selectCheckpoints(db).orderBy('audit_checkpoint.number', 'desc').limit(1)) as CheckpointRow[]
  const last = row && checkpointOf(row)
  // One that lies ahead was made before a clock was set back, or by somebody who was none of ours: it keeps no other from being made.
  const nextInMs = last === undefined || last.atMs > nowMs ? 0 : last.atMs + afterMs - nowMs
  if (nextInMs > 0) return { made: undefined, coveredAtMs: last?.atMs, nextInMs }
  const made = await sign(last, await listHeads(db), nowMs, (known) => unchainedOf(db, known))
  if (made === undefined) return { made, coveredAtMs: last && nowMs, nextInMs: afterMs }
  await db('audit_checkpoint').insert({ number: made.number, at: timestampOf(made.atMs), key_id: made.keyId, jws: made.jws })
  return { made, coveredAtMs: made.atMs, nextInMs: afterMs }
}

async function unchainedOf(db: Knex, known: UnchainedRecords | undefined): Promise<UnchainedRecords> {
  if (known !== undefined && (await areStill(db, known))) return known
  let found = NO_UNCHAINED
  let after: string | undefined
  for (;;) {
    const rows = await readUnchained(db, after, AUDIT_UNCHAINED_READ_AT_ONCE_MAX)
    for (const { record } of rows.map(chainedOf))
      found = { count: found.count + 1, lastId: Math.max(record.id, 0), hash: hashOfUnchained(record, found.hash) }
    after = rows.at(-1)?.key
    if (rows.length < AUDIT_UNCHAINED_READ_AT_ONCE_MAX) return found
  }
}

/** Counts by an index, piece by piece: there may be millions. */
async function areStill(db: Knex, known: UnchainedRecords): Promise<boolean> {
  let counted = 0
  let lastId: string | null = null
  while (counted <= known.count) {
    const ids = db('audit_event').select('id').whereRaw(UNCHAINED).orderBy('id').limit(AUDIT_UNCHAINED_COUNTED_AT_ONCE_MAX)
    if (lastId !== null) ids.where('id', '>', lastId)
    const [piece]: readonly { readonly count: number; readonly last: string | null }[] = await db
      .from(ids.as('piece'))
      .select(db.raw('count(*) as count, max(id)::text as last'))
    if (piece === undefined || piece.count === 0) break
    counted += piece.count
    lastId = piece.last
    if (piece.count < AUDIT_UNCHAINED_COUNTED_AT_ONCE_MAX) break
  }
  return counted === known.count && (lastId ?? '0') === String(known.lastId)
}
