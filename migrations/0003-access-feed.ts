/** 0003: the feed of all access changes, in commit order (freshness, "The feed"). Backwards-compatible: new tables. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  // One row, updated by each change: room on its page lets PostgreSQL do that in place. A restore is told by a new incarnation.
  await db.raw(`create table access_head (
    only_row    boolean primary key default true check (only_row),
    position    bigint not null default 0 check (position between 0 and 9007199254740991),
    incarnation uuid not null default gen_random_uuid()
  ) with (fillfactor = 10)`)
  await db.raw(`insert into access_head default values`)
  await db.raw(`create table access_changes (
    position  bigint not null check (position > 0),
    ordinal   integer not null check (ordinal >= 0),
    kind      text not null check (kind in ('assignment', 'user', 'tenant', 'caller', 'policy')),
    tenant_id text collate "C",
    user_id   text collate "C",
    caller_id text collate "C",
    at        timestamptz(3) not null default date_trunc('milliseconds', now()),
    primary key (position, ordinal),
    check ((tenant_id is not null) = (kind in ('assignment', 'tenant'))),
    check ((user_id is not null) = (kind in ('assignment', 'user'))),
    check ((caller_id is not null) = (kind = 'caller'))
  )`)
}
