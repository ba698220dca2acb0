/** 0002: role assignments, one row a grant, in force in [valid_from, expires_at); a temporary one ends by itself. Backwards-compatible: a new table. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`create table role_assignment (
    id         text collate "C" primary key check (octet_length(id) between 1 and 256),
    user_id    text collate "C" not null references subject (id),
    tenant_id  text collate "C" not null references tenant (id),
    role       text collate "C" not null check (octet_length(role) between 1 and 256),
    valid_from timestamptz(3) not null default date_trunc('milliseconds', now()),
    expires_at timestamptz(3) check (expires_at > valid_from),
    reason     text check (char_length(reason) <= 1000),
    created_by text collate "C" not null check (octet_length(created_by) between 1 and 256),
    created_at timestamptz(3) not null default date_trunc('milliseconds', now()),
    revoked_at timestamptz(3),
    revoked_by text collate "C" check (octet_length(revoked_by) between 1 and 256),
    check ((revoked_at is null) = (revoked_by is null))
  )`)
  // The way of a check: all of one pair that is not revoked, by its end; revoked history is not even in the index.
  await db.raw(`create index role_assignment_of_pair on role_assignment (user_id, tenant_id, expires_at, id) where revoked_at is null`)
  // Who may: holders of one role in byte order, read from the index.
  await db.raw(
    `create index role_assignment_holders on role_assignment (tenant_id, role, user_id, expires_at, valid_from) where revoked_at is null`,
  )
  // History, revoked rows too. Without the tenant, so that it never looks as good for a check as the index above, which holds no history.
  await db.raw(`create index role_assignment_of_user on role_assignment (user_id, id)`)
}
