/** Rows of the keys that sign tokens; a private part is here only as it was sealed elsewhere. Chooses none. Floor 2. */
import type { Knex } from 'knex'
import { StoreError } from '../model/error-code.ts'
import type { SealedKey, SigningKeyRecord } from '../model/identity.ts'
import type { Database } from './database.ts'
import type { IdentityTransaction, KeysReading } from './identity-ports.ts'
import { CLOCK_SQL, intervalSql, msOf, msOrNullOf, msSql } from './value-types.ts'

/** Any number, as long as no other use of advisory locks in the database has it: "signing" in ASCII. */
const LOCK_KEY = '32485515276676711'

const COLUMNS = ['kid', 'algorithm', 'public_jwk', 'sealed', 'sealed_by', 'state', 'created_at', 'activated_at', 'retires_at'] as const

interface Row {
  readonly kid: string
  readonly algorithm: SealedKey['algorithm']
  readonly public_jwk: SealedKey['publicJwk']
  readonly sealed: Uint8Array | null
  readonly sealed_by: string | null
  readonly state: SealedKey['state']
  readonly created_at: Date
  readonly activated_at: Date | null
  readonly retires_at: Date | null
}

interface KeysRow {
  readonly position: number
  readonly read_at_ms: number
  readonly keys: readonly SigningKeyRecord[]
}

/** As a resolution: position and rows of one snapshot, the time after it. Private parts are not even read. */
const FIND_SQL = `select head.position, ${msSql('clock_timestamp()')} as read_at_ms,
  (select coalesce(json_agg(json_build_object('kid', kid, 'algorithm', algorithm, 'publicJwk', public_jwk, 'state', state,
      'createdAtMs', ${msSql('created_at')}, 'activatedAtMs', ${msSql('activated_at')}, 'retiresAtMs', ${msSql('retires_at')})
      order by created_at, kid), '[]')
    from signing_key where state <> 'retired' and (state <> 'previous' or retires_at > clock_timestamp())) as keys
  from access_head head where head.only_row`

/** Prepared. */
export async function findKeys(database: Database): Promise<KeysReading> {
  const [row] = await database.queryPrepared<KeysRow>('castellan_keys_1', FIND_SQL, [])
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  return { position: row.position, readAtMs: row.read_at_ms, keys: row.keys }
}

export async function lockKeys(db: Knex): Promise<void> {
  await db.raw(`select pg_advisory_xact_lock(${LOCK_KEY})`)
}

/** By age. One whose time is over but that nobody retired yet is among them. */
export async function listSealedKeys(db: Knex): Promise<readonly SealedKey[]> {
  const rows: readonly Row[] = await db<Row>('signing_key')
    .select<Row[]>(...COLUMNS)
    .whereNot({ state: 'retired' })
    .orderBy(['created_at', 'kid'])
  return rows.map(toRecord)
}

export async function insertKey(db: Knex, key: Parameters<IdentityTransaction['insertKey']>[0]): Promise<void> {
  await db('signing_key').insert({
    kid: key.kid,
    algorithm: key.algorithm,
    public_jwk: JSON.stringify(key.publicJwk),
    sealed: key.sealed === null ? null : Buffer.from(key.sealed),
    sealed_by: key.sealedBy,
    state: key.state,
    created_at: db.raw(CLOCK_SQL),
    activated_at: key.state === 'current' ? db.raw(CLOCK_SQL) : null,
  })
}

/** No way back: a key that was replaced never signs again, and a retired one is gone. */
export async function setKeyState(db: Knex, kid: string, state: 'current' | 'previous' | 'retired', retiresInMs?: number): Promise<void> {
  const changed = await moveKey(db('signing_key').where({ kid }), db, state, retiresInMs)
  if (changed !== 1) throw new Error(`A signing key to become ${state} is not there, or was beyond that`)
}

async function moveKey(key: Knex.QueryBuilder, db: Knex, state: 'current' | 'previous' | 'retired', retiresInMs?: number): Promise<number> {
  if (state === 'current') return await key.where({ state: 'next' }).update({ state, activated_at: db.raw(CLOCK_SQL) })
  if (state === 'retired') {
    // An emergency may end it before its time.
    const end = { sealed: null, sealed_by: null, retires_at: db.raw(`least(retires_at, ${CLOCK_SQL})`) }
    return await key.whereNot({ state }).update({ state, ...end })
  }
  if (retiresInMs === undefined) throw new Error('A previous key needs a time after which it verifies no more')
  return await key
    .where({ state: 'current' })
    .update({ state, retires_at: db.raw(`${CLOCK_SQL} + ${intervalSql(':retiresInMs')}`, { retiresInMs }) })
}

export async function resealKey(db: Knex, kid: string, sealed: Uint8Array, sealedBy: string): Promise<void> {
  const changed: number = await db('signing_key')
    .where({ kid })
    .whereNot({ state: 'retired' })
    .update({ sealed: Buffer.from(sealed), sealed_by: sealedBy })
  if (changed !== 1) throw new Error('A signing key to be sealed anew is not there or was retired')
}

function toRecord(row: Row): SealedKey {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    sealed: row.sealed,
    sealedBy: row.sealed_by,
    state: row.state,
    createdAtMs: msOf(row.created_at),
    activatedAtMs: msOrNullOf(row.activated_at),
    retiresAtMs: msOrNullOf(row.retires_at),
  }
}
