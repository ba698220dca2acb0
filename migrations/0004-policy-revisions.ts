/** 0004: compiled policy revisions by content hash, and when each came into force. Backwards-compatible: new tables. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  // Text, not jsonb: the hash is over these very bytes.
  await db.raw(`create table policy_revision (
    revision   text collate "C" primary key check (octet_length(revision) between 1 and 256),
    content    text not null,
    source     text not null check (char_length(source) <= 1000),
    created_at timestamptz(3) not null default date_trunc('milliseconds', now())
  )`)
  await db.raw(`create table policy_activation (
    id           bigint generated always as identity primary key,
    revision     text collate "C" not null references policy_revision (revision),
    actor        text collate "C" not null check (octet_length(actor) between 1 and 256),
    activated_at timestamptz(3) not null default date_trunc('milliseconds', now())
  )`)
  await db.raw(`create index policy_activation_of_revision on policy_activation (revision, id)`)
}
