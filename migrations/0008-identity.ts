/**
 * 0008: people who log in, their sessions, and the keys that sign their tokens.
 * Backwards-compatible: new tables and nullable columns. An older process takes an `invited` user for one that is not active, as it should,
 * and knows nothing of a caller's previous key.
 */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.raw(`alter table subject
    drop constraint subject_state_check,
    add constraint subject_state_check check (state in ('active', 'deactivated', 'invited'))`)
  // Not unique: two users with one address were allowed before. Neither can log in by it then. Lower case of ASCII only, the same under every
  // locale: some make an i of the Turkish dotted one, and one address would be another one's.
  await db.raw(`create index subject_by_email on subject (lower(normalize(email, NFKC) collate "C")) where email is not null`)

  await db.raw(`alter table caller
    add column previous_key_hash  bytea unique check (octet_length(previous_key_hash) = 32),
    add column previous_key_until timestamptz(3),
    add constraint caller_previous_key check ((previous_key_hash is null) = (previous_key_until is null))`)

  await db.raw(`alter table audit_event
    drop constraint audit_event_result_check,
    add constraint audit_event_result_check check (result in ('applied', 'noop', 'refused'))`)

  // Applications that people log in to: public clients, whose redirects must match exactly (RFC 9700, 2.1).
  await db.raw(`create table login_client (
    id            text collate "C" primary key check (octet_length(id) between 1 and 256),
    name          text not null check (char_length(name) between 1 and 1000),
    redirect_uris text[] not null default '{}' check (array_position(redirect_uris, null) is null),
    created_at    timestamptz(3) not null default date_trunc('milliseconds', now()),
    revoked_at    timestamptz(3)
  )`)

  /*
   * A family of refresh tokens. Only the counter of the newest one is kept, no token. `login_id` is the id of the first session of the same login,
   * which may be gone before the others: they end together.
   */
  await db.raw(`create table login_session (
    id              uuid primary key,
    login_id        uuid not null,
    user_id         text collate "C" not null references subject (id),
    client_id       text collate "C" not null references login_client (id),
    tenant_id       text collate "C" references tenant (id),
    epoch           bigint not null check (epoch >= 0),
    counter         bigint not null default 0 check (counter >= 0),
    rotated_at      timestamptz(3) not null,
    rotated_agent   bytea check (octet_length(rotated_agent) = 32),
    agent           text check (char_length(agent) <= 256),
    amr             text[] not null,
    cookie          boolean not null,
    authenticated_at timestamptz(3) not null,
    created_at      timestamptz(3) not null,
    idle_expires_at timestamptz(3) not null,
    expires_at      timestamptz(3) not null check (expires_at > created_at),
    revoked_at      timestamptz(3),
    revoked_reason  text check (revoked_reason in ('logout', 'administrator', 'account', 'reuse', 'ahead', 'client')),
    check ((revoked_at is null) = (revoked_reason is null))
  )`)
  await db.raw(`create index login_session_of_user on login_session (user_id, id)`)
  await db.raw(`create index login_session_of_login on login_session (login_id)`)
  // By the earliest of its ends: null is none of them.
  await db.raw(`create index login_session_by_end on login_session (least(expires_at, idle_expires_at, revoked_at))`)

  /*
   * A login or an invitation that was asked for, and the mail that answers it: the worker that sends it decides whether anybody is there to
   * get it, so that asking does the same work for every address. Token, code and browser are kept as digests only.
   */
  await db.raw(`create table login_challenge (
    id            uuid primary key,
    kind          text not null check (kind in ('login', 'invitation')),
    email         text not null check (char_length(email) <= 320),
    user_id       text collate "C" references subject (id),
    client_id     text collate "C" not null references login_client (id),
    redirect_uri  text check (char_length(redirect_uri) <= 2048),
    tenant_id     text collate "C" check (octet_length(tenant_id) between 1 and 256),
    locale        text not null check (locale in ('en', 'fr')),
    agent         text check (char_length(agent) <= 256),
    binding_hash  bytea check (octet_length(binding_hash) = 32),
    token_hash    bytea unique check (octet_length(token_hash) = 32),
    code_hash     bytea check (octet_length(code_hash) = 32),
    tries         integer not null default 0 check (tries between 0 and 5),
    mail_state    text not null default 'waiting' check (mail_state in ('waiting', 'sent', 'dropped', 'failed')),
    mail_attempts integer not null default 0 check (mail_attempts >= 0),
    mail_after    timestamptz(3) not null,
    created_at    timestamptz(3) not null,
    expires_at    timestamptz(3) not null,
    consumed_at   timestamptz(3),
    consumed_by   bytea check (octet_length(consumed_by) = 32),
    session_id    uuid references login_session (id) on delete set null deferrable initially deferred,
    dead_reason   text check (dead_reason in ('tries', 'superseded', 'deactivated')),
    check (consumed_at is null or dead_reason is null)
  )`)
  await db.raw(`create index login_challenge_mail on login_challenge (mail_after) where mail_state = 'waiting'`)
  await db.raw(`create index login_challenge_of_email on login_challenge (email, created_at)`)
  await db.raw(`create index login_challenge_of_user on login_challenge (user_id) where user_id is not null`)
  await db.raw(`create index login_challenge_of_session on login_challenge (session_id) where session_id is not null`)
  await db.raw(`create index login_challenge_by_end on login_challenge (expires_at)`)

  // The private part is encrypted under a key that the database does not have; a retired one has none.
  await db.raw(`create table signing_key (
    kid          text collate "C" primary key check (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
    algorithm    text not null check (algorithm in ('ES256', 'EdDSA', 'RS256')),
    public_jwk   jsonb not null check (jsonb_typeof(public_jwk) = 'object'),
    sealed       bytea,
    sealed_by    text collate "C",
    state        text not null check (state in ('next', 'current', 'previous', 'retired')),
    created_at   timestamptz(3) not null,
    activated_at timestamptz(3),
    retires_at   timestamptz(3),
    check ((state = 'retired') = (sealed is null)),
    check ((sealed is null) = (sealed_by is null)),
    check ((state = 'previous') <= (retires_at is not null))
  )`)
  await db.raw(`create unique index signing_key_one_next on signing_key (state) where state = 'next'`)
  await db.raw(`create unique index signing_key_one_current on signing_key (state) where state = 'current'`)

  // Positions of bits in compact tokens: never moved, never reused. Version n is the first n of them.
  await db.raw(`create table permission_index (
    bit      integer primary key check (bit >= 0),
    name     text collate "C" not null,
    code     text collate "C" not null,
    added_at timestamptz(3) not null default date_trunc('milliseconds', now()),
    unique (name, code)
  )`)

  // For services that verify tokens on their own. Kept a little longer than any token lives.
  await db.raw(`create table revocation (
    position   bigint not null check (position > 0),
    ordinal    integer not null check (ordinal >= 0),
    user_id    text collate "C" not null,
    session_id uuid,
    epoch      bigint check (epoch >= 0),
    at         timestamptz(3) not null default date_trunc('milliseconds', clock_timestamp()),
    primary key (position, ordinal),
    check ((session_id is null) <> (epoch is null))
  )`)
  await db.raw(`create index revocation_by_time on revocation (at)`)
}
