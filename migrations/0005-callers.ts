/** 0005: who may call the service. A key is kept only as its SHA-256. Backwards-compatible: a new table. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`create table caller (
    id         text collate "C" primary key check (octet_length(id) between 1 and 256),
    name       text not null check (char_length(name) between 1 and 1000),
    key_hash   bytea not null unique check (octet_length(key_hash) = 32),
    scopes     text[] not null check (
      scopes <@ array['decide', 'administer', 'publish', 'audit'] and array_position(scopes, null) is null
    ),
    tenants    text[] check (array_position(tenants, null) is null),
    created_at timestamptz(3) not null default date_trunc('milliseconds', now()),
    expires_at timestamptz(3),
    revoked_at timestamptz(3)
  )`)
}
