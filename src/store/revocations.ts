/** Tokens that end before their time, as services that verify on their own learn of them: by feed position, in order. Floor 2. */
import type { Knex } from 'knex'
import type { Revocation } from '../model/identity.ts'
import { REVOCATIONS_PAGE_MAX } from '../model/identity-limits.ts'
import { msSql } from './value-types.ts'

/** Whole positions: who goes on after the last one must not miss the rest of it. */
const LIST_SQL = `select head.position,
  (select coalesce(json_agg(json_build_object('position', found.position, 'user', found.user_id, 'sessionId', found.session_id,
      'epoch', found.epoch, 'atMs', ${msSql('found.at')}) order by found.position, found.ordinal), '[]')
    from (
      select * from revocation where position > :since::bigint order by position fetch first (:limit::integer) rows with ties
    ) found) as revocations
  from access_head head where head.only_row`

interface Found {
  readonly position: number
  readonly user: string
  readonly sessionId: string | null
  readonly epoch: number | null
  readonly atMs: number
}

export async function listRevocations(
  db: Knex,
  since: number,
  limit: number,
): Promise<{ readonly position: number; readonly revocations: readonly Revocation[] }> {
  const answer: { rows: readonly { readonly position: number; readonly revocations: readonly Found[] }[] } = await db.raw(LIST_SQL, {
    since,
    limit: Math.min(limit, REVOCATIONS_PAGE_MAX),
  })
  const [row] = answer.rows
  if (row === undefined) throw new Error('The feed has no head')
  return { position: row.position, revocations: row.revocations.map(toRecord) }
}

export async function insertRevocations(
  db: Knex,
  position: number,
  revocations: readonly Pick<Revocation, 'user' | 'sessionId' | 'epoch'>[],
): Promise<void> {
  await db.raw(
    `insert into revocation (position, ordinal, user_id, session_id, epoch)
      select :position::bigint, item.number - 1, item.user_id, item.session_id, item.epoch
      from unnest(:users::text[], :sessions::uuid[], :epochs::bigint[]) with ordinality as item(user_id, session_id, epoch, number)`,
    {
      position,
      users: revocations.map((revocation) => revocation.user),
      sessions: revocations.map((revocation) => revocation.sessionId ?? null),
      epochs: revocations.map((revocation) => revocation.epoch ?? null),
    },
  )
}

function toRecord(row: Found): Revocation {
  return {
    position: row.position,
    user: row.user,
    ...(row.sessionId === null ? {} : { sessionId: row.sessionId }),
    ...(row.epoch === null ? {} : { epoch: row.epoch }),
    atMs: row.atMs,
  }
}
