/** 0001: who is asked about (subjects: users) and where (tenants). Older processes: there are none. */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`create table tenant (
    id           text collate "C" primary key check (octet_length(id) between 1 and 256),
    display_name text check (char_length(display_name) <= 1000),
    state        text not null default 'active' check (state in ('active', 'suspended')),
    attributes   jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    created_at   timestamptz(3) not null default date_trunc('milliseconds', now())
  )`)
  await db.raw(`create table subject (
    id           text collate "C" primary key check (octet_length(id) between 1 and 256),
    email        text check (char_length(email) <= 1000),
    display_name text check (char_length(display_name) <= 1000),
    attributes   jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    state        text not null default 'active' check (state in ('active', 'deactivated')),
    state_reason text check (char_length(state_reason) <= 1000),
    epoch        bigint not null default 0 check (epoch >= 0),
    state_changed_at timestamptz(3) not null default date_trunc('milliseconds', now()),
    created_at   timestamptz(3) not null default date_trunc('milliseconds', now())
  )`)
}
