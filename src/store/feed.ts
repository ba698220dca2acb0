/** The feed of access changes: positions without gaps, in commit order (freshness, "The feed"). Does not say what a change means. Floor 2. */
import type { Knex } from 'knex'
import type { FeedChange } from './ports.ts'

/** Takes the next position. The row stays locked until the transaction ends: so positions are taken in the order of the commits. */
export async function appendFeed(db: Knex, changes: readonly FeedChange[]): Promise<number> {
  const rows: readonly { readonly position: number }[] = await db('access_head').increment('position', 1).returning('position')
  const position = theRow(rows).position
  if (changes.length > 0) await db('access_changes').insert(changes.map((change, ordinal) => ({ position, ordinal, ...columnsOf(change) })))
  return position
}

export async function readPosition(db: Knex): Promise<number> {
  const rows: readonly { readonly position: number }[] = await db('access_head').select('position')
  return theRow(rows).position
}

function columnsOf(change: FeedChange) {
  return {
    kind: change.kind,
    tenant_id: change.kind === 'assignment' || change.kind === 'tenant' ? change.tenant : null,
    user_id: change.kind === 'assignment' || change.kind === 'user' ? change.user : null,
    caller_id: change.kind === 'caller' ? change.caller : null,
  }
}

function theRow<R>(rows: readonly R[]): R {
  const [row] = rows
  if (row === undefined) throw new Error('The feed has no head')
  return row
}
