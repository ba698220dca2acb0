/** Activations to come: rows that wait for their time. Decides nothing about which are due to whom. Floor 2. */
import type { Knex } from 'knex'
import type { DueActivations, ScheduledActivation } from '../model/policy-release.ts'
import { msOf, msSql, timestampOf } from './value-types.ts'

interface Row {
  readonly id: string
  readonly revision: string
  readonly activate_at: Date
  readonly state: ScheduledActivation['state']
  readonly reason: string | null
  readonly created_by: string
  readonly created_at: Date
}

/** Those that wait, soonest first; there are at most ACTIVATIONS_WAITING_MAX. */
export async function listScheduled(db: Knex): Promise<readonly ScheduledActivation[]> {
  const rows = await db<Row>('policy_schedule').where({ state: 'waiting' }).orderBy(['activate_at', 'id'])
  return rows.map((row) => toRecord(row as Row))
}

/** By the database's clock alone: replicas whose clocks differ agree. */
export async function listDue(db: Knex): Promise<DueActivations> {
  const rows: readonly (Row & { readonly in_ms: number })[] = await db('policy_schedule')
    .select('*', db.raw(`${msSql('activate_at')} - ${msSql('clock_timestamp()')} as in_ms`))
    .where({ state: 'waiting' })
    .orderBy(['activate_at', 'id'])
  const next = rows.find((row) => row.in_ms > 0)
  return {
    waiting: rows.length,
    due: rows.filter((row) => row.in_ms <= 0).map(toRecord),
    ...(next === undefined ? {} : { nextInMs: next.in_ms }),
  }
}

/** Locks the table against other additions, so that a count holds until the end of the transaction. */
export async function countScheduled(db: Knex): Promise<number> {
  await db.raw('lock table policy_schedule in share row exclusive mode')
  const row = await db('policy_schedule').where({ state: 'waiting' }).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}

export async function insertScheduled(db: Knex, row: Omit<ScheduledActivation, 'state' | 'createdAtMs'>): Promise<ScheduledActivation> {
  const { id, revision, activateAtMs, reason, createdBy } = row
  const [inserted]: Row[] = await db('policy_schedule')
    .insert({ id, revision, activate_at: timestampOf(activateAtMs), reason, created_by: createdBy })
    .returning('*')
  return theRow(inserted)
}

export async function lockScheduled(db: Knex, id: string): Promise<ScheduledActivation | undefined> {
  const row: Row | undefined = await db('policy_schedule').where({ id }).forUpdate().first('*')
  return row === undefined ? undefined : toRecord(row)
}

export async function endScheduled(
  db: Knex,
  id: string,
  state: Exclude<ScheduledActivation['state'], 'waiting'>,
): Promise<ScheduledActivation> {
  const [ended]: Row[] = await db('policy_schedule').where({ id }).update({ state }).returning('*')
  return theRow(ended)
}

function theRow(row: Row | undefined): ScheduledActivation {
  if (row === undefined) throw new Error('The scheduled activation is gone')
  return toRecord(row)
}

function toRecord(row: Row): ScheduledActivation {
  return {
    id: row.id,
    revision: row.revision,
    activateAtMs: msOf(row.activate_at),
    state: row.state,
    reason: row.reason,
    createdBy: row.created_by,
    createdAtMs: msOf(row.created_at),
  }
}
