/**
 * 0010: audit rows in chains of hashes with signed checkpoints, the decision log, and indexes for questions about the past. Backwards-compatible:
 * older processes write audit rows that stand in no chain (`castellan audit verify` names those), and know nothing of the rest.
 */
import type { Knex } from 'knex'

/** Chain 0 is that of changes that take a feed position; events of logins and sessions spread over the others, so that they do not wait for one lock. */
const CHAINS = 17

export async function up(db: Knex): Promise<void> {
  // Rows that are there already stay outside: what was never hashed cannot be vouched for afterwards.
  await db.raw(`alter table audit_event
    add column chain         smallint check (chain >= 0),
    add column sequence      bigint check (sequence between 1 and 9007199254740991),
    add column previous_hash bytea check (octet_length(previous_hash) = 32),
    add column hash          bytea check (octet_length(hash) = 32),
    -- What JavaScript does not hold, or reads as something else, could hide a change from whoever verifies.
    add constraint audit_event_at_said check (at >= '0001-01-01 00:00:00Z' and at < '10000-01-01 00:00:00Z'),
    add constraint audit_event_position_said check (position <= 9007199254740991),
    add constraint audit_event_json_said check (jsonb_typeof(before) <> 'null' and jsonb_typeof(after) <> 'null'),
    add constraint audit_event_link_whole check (num_nonnulls(chain, sequence, previous_hash, hash) in (0, 4))`)
  await db.raw(`create unique index audit_event_in_chain on audit_event (chain, sequence)`)
  // Those that stand in no chain come first for whoever verifies; without an index it would read all the others to find none.
  await db.raw(`create index audit_event_unchained on audit_event (id) where num_nonnulls(chain, sequence, previous_hash, hash) < 4`)
  await db.raw(`create table audit_head (
    chain    smallint primary key check (chain >= 0),
    sequence bigint not null default 0 check (sequence between 0 and 9007199254740991),
    hash     bytea not null default decode(repeat('00', 32), 'hex') check (octet_length(hash) = 32),
    at       timestamptz(3) not null default 'epoch'
  )`)
  await db.raw(`insert into audit_head (chain) select generate_series(0, ${CHAINS - 1})`)
  await db.raw(`create table audit_checkpoint (
    number     bigint primary key check (number between 1 and 9007199254740991),
    at         timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp())
      check (at >= '0001-01-01 00:00:00Z' and at < '10000-01-01 00:00:00Z'),
    key_id     text not null check (char_length(key_id) between 1 and 200),
    jws        text not null check (char_length(jws) <= 100000)
  )`)
  await db.raw(`create trigger audit_checkpoint_is_append_only before update or delete or truncate on audit_checkpoint
    for each statement execute function refuse_change()`)
  // What a user and a tenant were at some time, and which policy was in force: the few changes of state among the many events.
  await db.raw(`create index audit_event_states_of_user on audit_event (user_id, at, id) where result = 'applied'
    and (action in ('user.put', 'user.deactivate', 'user.reactivate', 'user.invite', 'user.sign-up')
      or action = 'login.succeed' and before ->> 'state' = 'invited')`)
  await db.raw(`create index audit_event_states_of_tenant on audit_event (tenant_id, at, id)
    where result = 'applied' and action in ('tenant.put', 'tenant.suspend', 'tenant.resume')`)
  await db.raw(`create index audit_event_of_assignments on audit_event (user_id, tenant_id, target, at)
    where result = 'applied' and action in ('assignment.grant', 'assignment.revoke')`)
  await db.raw(`create index audit_event_of_policy on audit_event (at, id) where result = 'applied' and action = 'policy.activate'`)
  // Who held a role, revoked rows too; and what ends soon.
  await db.raw(`create index role_assignment_holders_ever on role_assignment (tenant_id, role, user_id)`)
  await db.raw(
    `create index role_assignment_by_end on role_assignment (expires_at, id) where revoked_at is null and expires_at is not null`,
  )
  await db.raw(`create index role_assignment_by_end_of_tenant on role_assignment (tenant_id, expires_at, id)
    where revoked_at is null and expires_at is not null`)

  // One partition a day, made by who writes and dropped whole when it is older than what is kept.
  await db.raw(`create table decision_log (
    at          timestamptz(3) not null,
    id          text collate "C" not null check (octet_length(id) between 1 and 256),
    tenant_id   text collate "C",
    user_id     text collate "C",
    caller_id   text collate "C" not null,
    permission  text collate "C",
    allowed     boolean not null,
    reason      text,
    record      jsonb not null,
    primary key (at, id)
  ) partition by range (at)`)
  await db.raw(`create index decision_log_by_id on decision_log (id)`)
  await db.raw(`create index decision_log_of_tenant on decision_log (tenant_id, at)`)
  await db.raw(`create index decision_log_of_user on decision_log (user_id, at)`)
  await db.raw(`create index decision_log_of_permission on decision_log (permission, at)`)
  // What a report about unused permissions has to own up to.
  await db.raw(`create table decision_log_loss (
    at      timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp()),
    replica text not null check (char_length(replica) between 1 and 200),
    lost    bigint not null check (lost > 0)
  )`)
  await db.raw(`create index decision_log_loss_by_time on decision_log_loss (at)`)
  await db.raw(`create table decision_log_terms (
    at      timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp()),
    replica text not null check (char_length(replica) between 1 and 200),
    sampled double precision not null check (sampled >= 0 and sampled <= 1)
  )`)
  await db.raw(`create index decision_log_terms_by_time on decision_log_terms (at)`)
  // What is allowed, counted by day as it is logged: a report over a year reads a row for each day, however long the log is. A row without a tenant
  // ('') counts the decisions of all of them, and of none. In the order of a question about one role; rows that are counted up stay on their page.
  await db.raw(`create table decision_use (
    role       text collate "C" not null,
    tenant_id  text collate "C" not null,
    permission text collate "C" not null,
    day        date not null,
    uses       bigint not null check (uses > 0),
    last_used  timestamptz(3) not null,
    primary key (role, tenant_id, permission, day)
  ) with (fillfactor = 70)`)
  await db.raw(`create index decision_use_by_day on decision_use (day)`)
}
