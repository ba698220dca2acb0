/** The statements that read who held what at another time: what is in rows now, less what the audit says was recorded later. Runs none. Floor 2. */
import { ACTIVATION_LATE_MS_MAX } from '../model/policy-limits.ts'
import { intervalSql, msSql } from './value-types.ts'

/** The predicates of partial indexes (migration 0010), word for word: without them an index cannot be used. */
const STATES_OF_USER = `event.result = 'applied'
  and (event.action in ('user.put', 'user.deactivate', 'user.reactivate', 'user.invite', 'user.sign-up')
    or event.action = 'login.succeed' and event.before ->> 'state' = 'invited')`
const STATES_OF_TENANT = `event.result = 'applied' and event.action in ('tenant.put', 'tenant.suspend', 'tenant.resume')`
const OF_ASSIGNMENTS = `event.result = 'applied' and event.action in ('assignment.grant', 'assignment.revoke')`
const OF_POLICY = `event.result = 'applied' and event.action = 'policy.activate'`

/** `at`: of which time; `schedule`: whether what waits for its time will be activated. */
function askedSql(at: string, schedule: string): string {
  return `asked as materialized (select ${at}::timestamptz as at, ${schedule}::boolean as schedule, clock_timestamp() as now)`
}

/**
 * The policy in force then. In the past by the audit, whose time is that of the recording; an activation that was audited by nobody counts from
 * when it began. To come: the last activation that waits until then, unless it is too late for it or somebody activated another one since.
 */
const POLICY_THEN_SQL = `case when asked.at < asked.now then coalesce(
    (select event.target from audit_event event where ${OF_POLICY} and event.at <= asked.at order by event.at desc, event.id desc limit 1),
    (select done.revision from policy_activation done where done.activated_at <= asked.at
      and not exists (select from audit_event event where ${OF_POLICY} and event.target = done.revision)
      order by done.id desc limit 1))
  else coalesce(
    (select waits.revision from policy_schedule waits
      where waits.state = 'waiting' and waits.activate_at <= asked.at and asked.schedule
        and waits.activate_at >= asked.now - ${intervalSql(String(ACTIVATION_LATE_MS_MAX))}
        and not exists (select from policy_activation done where done.activated_at > waits.activate_at and done.actor <> 'system')
      order by waits.activate_at desc, waits.id desc limit 1),
    head.policy_revision)
  end as policy_revision`

/** $1 at, $2 schedule. */
export const POLICY_AT_SQL = `with ${askedSql('$1', '$2')}
  select ${POLICY_THEN_SQL} from access_head head, asked where head.only_row`

interface StatesOf {
  readonly table: 'subject' | 'tenant'
  readonly column: 'user_id' | 'tenant_id'
  readonly id: string
  readonly events: string
  /** Those that say all of it, not only its state. */
  readonly whole: string
}
const USER: Omit<StatesOf, 'id'> = {
  table: 'subject',
  column: 'user_id',
  events: STATES_OF_USER,
  whole: `event.action in ('user.put', 'user.invite')`,
}
const TENANT: Omit<StatesOf, 'id'> = {
  table: 'tenant',
  column: 'tenant_id',
  events: STATES_OF_TENANT,
  whole: `event.action = 'tenant.put'`,
}

/**
 * State and attributes then, `null` when there was no such row: what the first change after that time found, else what is there now. A change
 * that found nothing made it, and so did whoever left no record of it, when the row says that it came later. One by one: "offset 0" keeps the planner from joining all accounts for a page of them.
 */
function stateThenSql({ table, column, id, events, whole }: StatesOf): string {
  const following = (more: string) => `select event.id, event.before from audit_event event
      where event.${column} = ${id} and ${events}${more} and event.at > asked.at order by event.at, event.id limit 1`
  return `select coalesce(change.before ->> 'state', present.state) as state,
      coalesce(said.before -> 'attributes', present.attributes) as attributes
    from ${table} present
    left join lateral (${following('')}) change on true
    left join lateral (${following(` and ${whole}`)}) said on true
    where present.id = ${id} and present.created_at <= asked.at and (change.id is null or change.before is not null)
    offset 0`
}

/** When a row of `held` was recorded, and when its end was: the times at which rows are written are earlier than those of their commits. */
const RECORDED_SQL = `coalesce((select event.at from audit_event event
    where event.user_id = held.user_id and event.tenant_id = held.tenant_id and event.target = held.id
      and ${OF_ASSIGNMENTS} and event.action = 'assignment.grant' order by event.at limit 1), held.created_at)`
/** Recorded when the row was written, or a little later: so the first record from then on is the one, as a rule, however many there are. */
function revokedSql(target: string, more: string): string {
  return `(select event.at from audit_event event
    where event.user_id = held.user_id and event.tenant_id = held.tenant_id and event.target = ${target} and event.at >= held.revoked_at
      and ${OF_ASSIGNMENTS} and event.action = 'assignment.revoke'${more}
    order by event.at limit 1)`
}
/** A whole role is taken back by one record that names the role and lists the rows. */
const REVOKED_SQL = `coalesce(${revokedSql('held.id', '')},
    ${revokedSql('held.role', ` and event.after @> jsonb_build_array(jsonb_build_object('id', held.id))`)}, held.revoked_at)`
/** Of a row of `held`: its window had begun and was not over, and it had been given and not taken back. The cheap comparisons first. */
const IN_FORCE_THEN_SQL = `held.valid_from <= asked.at and (held.expires_at is null or held.expires_at > asked.at)
  and held.created_at <= asked.at and case when held.revoked_at <= asked.at then ${REVOKED_SQL} > asked.at else true end
  and ${RECORDED_SQL} <= asked.at`

/** $1 tenant, $2 user, $3 at, $4 schedule. */
export const RESOLVE_AT_SQL = `with ${askedSql('$3', '$4')}
  select head.position, head.policy_position, ${POLICY_THEN_SQL},
    tenant.state as tenant_state, tenant.attributes as tenant_attributes,
    account.state as user_state, account.attributes as user_attributes,
    (select coalesce(json_agg(json_build_object('id', held.id, 'role', held.role,
        'validFromMs', ${msSql('held.valid_from')}, 'expiresAtMs', ${msSql('held.expires_at')}) order by held.id), '[]')
      from role_assignment held where held.user_id = $2 and held.tenant_id = $1 and ${IN_FORCE_THEN_SQL}) as assignments
  from access_head head
  cross join asked
  left join lateral (${stateThenSql({ ...TENANT, id: '$1' })}) tenant on true
  left join lateral (${stateThenSql({ ...USER, id: '$2' })}) account on true
  where head.only_row`

/**
 * $1 tenant, $2 roles, $3 the user after whom to begin ('' at the start: no id is empty), $4 limit, $5 at, $6 schedule, $7 people to look at.
 * Whoever held one of the roles at any time comes into question; how many of them are looked at is bounded, whatever is found among them.
 */
export const LIST_HOLDERS_AT_SQL = `with ${askedSql('$5', '$6')},
  candidate as materialized (
    select distinct ever.user_id
    from (select distinct asked_for.role collate "C" as role from unnest($2::text[]) as asked_for(role)) wanted
    cross join lateral (
      select distinct held.user_id from role_assignment held
      where held.tenant_id = $1 and held.role = wanted.role and held.user_id > $3
      order by held.user_id limit $7
    ) ever
    order by ever.user_id limit $7
  )
  select head.position, head.policy_position, ${POLICY_THEN_SQL},
    tenant.state as tenant_state, tenant.attributes as tenant_attributes,
    (select case when count(*) = $7 then max(user_id) end from candidate) as looked_through,
    (select coalesce(json_agg(json_build_object('user', page.user_id, 'roles', page.roles, 'attributes', page.attributes)
        order by page.user_id), '[]')
      from (
        select candidate.user_id, granted.roles, account.attributes
        from candidate
        cross join lateral (
          select array_agg(distinct held.role order by held.role) as roles from role_assignment held
          where held.tenant_id = $1 and held.user_id = candidate.user_id and held.role = any($2::text[]) and ${IN_FORCE_THEN_SQL}
        ) granted
        cross join lateral (${stateThenSql({ ...USER, id: 'candidate.user_id' })}) account
        where tenant.state = 'active' and granted.roles is not null and account.state = 'active'
        order by candidate.user_id limit $4
      ) page) as holders
  from access_head head
  cross join asked
  left join lateral (${stateThenSql({ ...TENANT, id: '$1' })}) tenant on true
  where head.only_row`

const EXPIRING_COLUMNS = `id, user_id, tenant_id, role, ${msSql('valid_from')} as valid_from_ms, ${msSql('expires_at')} as expires_at_ms, reason,
  created_by, ${msSql('created_at')} as created_at_ms`
const EXPIRING = `revoked_at is null and expires_at is not null and expires_at > now() and expires_at <= now() + ${intervalSql('$1')}
  and (expires_at, id) > ($2::timestamptz, $3::text)`

/** $1 milliseconds from now, $2 and $3 end and id after which to begin, $4 limit. */
export const LIST_EXPIRING_SQL = `select ${EXPIRING_COLUMNS} from role_assignment where ${EXPIRING} order by expires_at, id limit $4`

/** As above, $5 tenants: each is one ordered scan of an index that stops after $4 rows. */
export const LIST_EXPIRING_OF_TENANTS_SQL = `select soon.* from (select distinct named collate "C" as id from unnest($5::text[]) named) tenants
  cross join lateral (
    select ${EXPIRING_COLUMNS} from role_assignment
    where tenant_id = tenants.id and ${EXPIRING} order by expires_at, id limit $4
  ) soon
  order by soon.expires_at_ms, soon.id limit $4`
