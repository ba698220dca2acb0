/**
 * 0007: what replicas need to answer from memory: who they are, which policy is in force since which position, how much of the feed is kept.
 * Backwards-compatible: older processes read and write the feed as before, answer nothing from memory and so need no row in `replica`.
 * They write a `policy` without its revision: that is history to newer ones, for whom only `access_head` says what is in force.
 */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`alter table access_head
    add column policy_revision text collate "C" references policy_revision (revision),
    add column policy_position bigint not null default 0 check (policy_position >= 0),
    add column pruned_through  bigint not null default 0 check (pruned_through >= 0),
    add column cache_secret    bytea  not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
      check (octet_length(cache_secret) = 32)`)
  await db.raw(`update access_head set policy_revision = (select revision from policy_activation order by id desc limit 1)`)
  await db.raw(`alter table access_changes drop constraint access_changes_kind_check`)
  // The time of the writing, not of the transaction's start: the head's lock is held then, so it grows with the position.
  await db.raw(`alter table access_changes
    add column revision text collate "C" check (octet_length(revision) between 1 and 256),
    alter column at type timestamptz(6),
    alter column at set default clock_timestamp(),
    add constraint access_changes_kind_check check (kind in ('assignment', 'user', 'tenant', 'caller', 'revision', 'policy')),
    add constraint access_changes_revision_of_kind check (revision is null or kind in ('revision', 'policy')),
    add constraint access_changes_revision_named check (revision is not null or kind <> 'revision')`)
  await db.raw(`create index access_changes_by_time on access_changes (at)`)
  // Every row is updated several times a second: room on its page lets PostgreSQL do that in place.
  await db.raw(`create table replica (
    id                text collate "C" primary key check (octet_length(id) between 1 and 256),
    beat              bigint not null default 0 check (beat >= 0),
    known_position    bigint check (known_position >= 0),
    policy_revision   text collate "C",
    prepared_revision text collate "C",
    started_at        timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp()),
    seen_at           timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp())
  ) with (fillfactor = 10)`)
}
