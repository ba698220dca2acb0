/**
 * 0009: policies that are published and activated by people: who wrote a revision, activations to come, what a rollback restored, since when a
 * replica answers by its revision, and the index of all permissions that were ever in force. Backwards-compatible: older processes neither read
 * nor need any of it; revisions they write have no origin, what they activate is taken into the index later (`indexed`), and `policy_since` of
 * theirs stands still.
 */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  // First, for it takes the longest: grants wait meanwhile, and readers of what is altered below do not.
  // What a plan walks: holders of one role in all tenants, in order.
  await db.raw(`create index role_assignment_of_role on role_assignment (role, tenant_id, user_id) where revoked_at is null`)
  await db.raw(`create table policy_schedule (
    id          text collate "C" primary key check (octet_length(id) between 1 and 256),
    revision    text collate "C" not null references policy_revision (revision),
    activate_at timestamptz(3) not null,
    state       text not null default 'waiting' check (state in ('waiting', 'done', 'cancelled', 'missed', 'refused')),
    reason      text check (char_length(reason) <= 1000),
    created_by  text collate "C" not null check (octet_length(created_by) between 1 and 256),
    created_at  timestamptz(3) not null default date_trunc('milliseconds', now())
  )`)
  await db.raw(`create index policy_schedule_waiting on policy_schedule (activate_at) where state = 'waiting'`)
  await db.raw(`alter table policy_revision
    add column author        text check (char_length(author) <= 200),
    add column message       text check (char_length(message) <= 1000),
    add column source_commit text check (char_length(source_commit) <= 200),
    add column published_by  text collate "C" check (octet_length(published_by) between 1 and 256)`)
  // The activation that a rollback restored: going back once more begins before that one.
  await db.raw(`alter table policy_activation
    add column restores bigint references policy_activation (id),
    add column indexed  boolean not null default false`)
  // From now on the index grows with each activation; this is what was in force before.
  await db.raw(`insert into permission_index (bit, name, code)
    select (select coalesce(max(bit), -1) from permission_index) + row_number() over (order by first_active, name, code), name, code
    from (
      select entry ->> 'name' as name, entry ->> 'code' as code, min(active.id) as first_active
      from policy_activation active
      join policy_revision kept on kept.revision = active.revision
      cross join lateral json_array_elements(kept.content::json -> 'permissions') as entry
      group by 1, 2
    ) ever
    where not exists (select from permission_index known where known.name = ever.name and known.code = ever.code)`)
  await db.raw(`update policy_activation set indexed = true`)
  await db.raw(`alter table replica add column policy_since timestamptz(3)`)
}
