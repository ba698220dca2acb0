/** Rows of the audit trail with their links, heads of chains and checkpoints; what `audit.ts` wrote, read for verifiers. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { AuditCheckpoint, AuditHead, ChainedRecord, ChainPlace } from '../model/audit-trail.ts'
import { AUDIT_CHAIN_NUMBER_MAX } from '../model/observation-limits.ts'
import type { Page } from '../model/records.ts'
import { AUDIT_COLUMNS, type AuditRow, auditRecordOf } from './audit.ts'
import type { AuditTrailStore, CheckpointTurn, SignCheckpoint } from './audit-ports.ts'
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
    listCheckpoints: (page) => asStoreWork(() => listCheckpoints(db, page)),
    addCheckpoint: (afterMs, sign) =>
      turns.run(() => asStoreWork(() => db.transaction((transaction) => addCheckpoint(transaction, afterMs, sign)))),
  }
}

interface LinkedRow extends AuditRow {
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
  return await readPage(page, keyOf, async (limit) => {
    if (after !== undefined) return await readChained(db, begin?.place ?? [after.chain, after.sequence, LAST_ID], limit, after.chain)
    if (begin?.place !== undefined) return await readChained(db, begin.place, limit)
    const first = await readUnchained(db, begin?.id, limit)
    return first.length === limit ? first : [...first, ...(await readChained(db, undefined, limit - first.length))]
  })
}

async function readUnchained(db: Knex, afterId: number | undefined, limit: number): Promise<readonly ChainedRecord[]> {
  const query = selectLinked(db).whereRaw(UNCHAINED).orderBy('id').limit(limit)
  if (afterId !== undefined) query.where('id', '>', afterId)
  return ((await query) as LinkedRow[]).map(chainedOf)
}

/** Two rows at one place can only be somebody's work, and are both shown. */
async function readChained(db: Knex, after: Place | undefined, limit: number, chain?: number): Promise<readonly ChainedRecord[]> {
  const query = selectLinked(db).whereRaw(CHAINED).orderBy(['chain', 'sequence', 'id']).limit(limit)
  if (after !== undefined) query.whereRaw('(chain, sequence, id) > (?::smallint, ?::bigint, ?::bigint)', [...after])
  if (chain !== undefined) query.where({ chain })
  return ((await query) as LinkedRow[]).map(chainedOf)
}

function selectLinked(db: Knex): Knex.QueryBuilder {
  return db('audit_event').select(
    ...AUDIT_COLUMNS,
    'chain',
    'sequence',
    db.raw(`encode(previous_hash, 'hex') as previous`),
    db.raw(`encode(hash, 'hex') as hash`),
  )
}

function chainedOf(row: LinkedRow): ChainedRecord {
  const { chain, sequence, previous, hash } = row
  const record = auditRecordOf(row)
  if (chain === null || sequence === null || previous === null || hash === null) return { record, link: undefined }
  return { record, link: { chain, sequence, previousHash: previous, hash } }
}

/** Chain, sequence, id. */
type Place = readonly [number, number, number]
/** Behind every row at a place. */
const LAST_ID = Number.MAX_SAFE_INTEGER

function keyOf({ record, link }: ChainedRecord): string {
  return link === undefined ? String(record.id) : `${link.chain}.${link.sequence}.${record.id}`
}

function parseKey(key: string | undefined): { readonly id?: number; readonly place?: Place } | undefined {
  if (key === undefined) return undefined
  // As bigint and smallint hold them; what is no key of ours must not become a fault of the database.
  const [, chain, sequence, id] = /^(?:(\d{1,5})\.(-?\d{1,15})\.)?(-?\d{1,15})$/.exec(key) ?? []
  if (id === undefined || Number(chain ?? 0) > AUDIT_CHAIN_NUMBER_MAX) throw pageTokenError()
  return chain === undefined || sequence === undefined ? { id: Number(id) } : { place: [Number(chain), Number(sequence), Number(id)] }
}

async function listHeads(db: Knex): Promise<readonly AuditHead[]> {
  return await db('audit_head').select<AuditHead[]>('chain', 'sequence', db.raw(`encode(hash, 'hex') as hash`)).orderBy('chain')
}

async function listCheckpoints(db: Knex, page: PageInput): Promise<Page<AuditCheckpoint>> {
  const after = decodeNumberPageToken(page.pageToken)
  return await readPage(
    page,
    (checkpoint) => String(checkpoint.number),
    async (limit) => {
      const query = selectCheckpoints(db).orderBy('number').limit(limit)
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
  return db('audit_checkpoint').select('number', 'at', 'key_id', 'jws')
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
  const [row] = (await selectCheckpoints(db).orderBy('number', 'desc').limit(1)) as CheckpointRow[]
  const last = row && checkpointOf(row)
  // One that lies ahead was made before a clock was set back, or by somebody who was none of ours: it keeps no other from being made.
  const nextInMs = last === undefined || last.atMs > nowMs ? 0 : last.atMs + afterMs - nowMs
  if (nextInMs > 0) return { made: undefined, coveredAtMs: last?.atMs, nextInMs }
  const made = await sign(last, await listHeads(db), nowMs)
  if (made === undefined) return { made, coveredAtMs: last && nowMs, nextInMs: afterMs }
  await db('audit_checkpoint').insert({ number: made.number, at: timestampOf(made.atMs), key_id: made.keyId, jws: made.jws })
  return { made, coveredAtMs: made.atMs, nextInMs: afterMs }
}
