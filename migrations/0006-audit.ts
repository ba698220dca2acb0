/** 0006: the audit trail, written in the transaction of each change and never altered. Backwards-compatible: a new table. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`create table audit_event (
    id         bigint generated always as identity primary key,
    at         timestamptz(3) not null default date_trunc('milliseconds', now()),
    action     text not null check (char_length(action) between 1 and 100),
    result     text not null check (result in ('applied', 'noop')),
    actor      text collate "C" not null check (octet_length(actor) between 1 and 256),
    actor_name text not null check (char_length(actor_name) <= 1000),
    tenant_id  text collate "C" check (octet_length(tenant_id) <= 256),
    user_id    text collate "C" check (octet_length(user_id) <= 256),
    target     text collate "C" check (octet_length(target) <= 256),
    reason     text check (char_length(reason) <= 1000),
    before     jsonb,
    after      jsonb,
    position   bigint check (position >= 0),
    request_id text check (char_length(request_id) <= 1000)
  )`)
  await db.raw(`create index audit_event_of_tenant on audit_event (tenant_id, id)`)
  await db.raw(`create index audit_event_of_user on audit_event (user_id, id)`)
  await db.raw(`create index audit_event_of_actor on audit_event (actor, id)`)
  await db.raw(`create index audit_event_by_time on audit_event (at)`)
  await db.raw(`create function refuse_change() returns trigger language plpgsql as $body$
    begin
      raise exception 'rows of % are never altered', tg_table_name using errcode = 'restrict_violation';
    end
  $body$`)
  // Per statement, so that it refuses even where no row matches.
  await db.raw(`create trigger audit_event_is_append_only before update or delete or truncate on audit_event
    for each statement execute function refuse_change()`)
}
