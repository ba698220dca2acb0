/** Reads who holds what, one statement each: what a decision is made from. Makes none. Floor 2. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import type { Attributes } from '../model/condition.ts'
import { StoreError } from '../model/error-code.ts'
import { EXPIRED_ASSIGNMENTS_READ_MAX } from '../model/limits.ts'
import type { Database } from './database.ts'
import type { AccessReader, Holder, Holders } from './ports.ts'
import { msSql } from './value-types.ts'

const ASSIGNMENT_OF_PAIR = `select id, role, valid_from, expires_at from role_assignment
      where user_id = $2 and tenant_id = $1 and revoked_at is null`

const STANDING = `head.position, head.policy_position, ${msSql('clock_timestamp()')} as read_at_ms,
  tenant.state as tenant_state, tenant.attributes as tenant_attributes,
  subject.state as user_state, subject.attributes as user_attributes, subject.epoch as user_epoch`
const STANDING_OF_PAIR = `from access_head head
left join tenant on tenant.id = $1
left join subject on subject.id = $2`

/**
 * $1 tenant, $2 user. Three ranges of one index: without end, not yet over, and the latest that are over.
 * Position and rows are of one snapshot. The time is taken while the statement runs, so after the snapshot: nothing that is read was committed later.
 * now() only splits the ranges: it is a little earlier, and what ended since is among the not yet over.
 */
export const RESOLVE_SQL = `select ${STANDING},
  (select coalesce(json_agg(json_build_object('id', held.id, 'role', held.role,
      'validFromMs', ${msSql('held.valid_from')}, 'expiresAtMs', ${msSql('held.expires_at')}) order by held.id), '[]')
    from (
      (${ASSIGNMENT_OF_PAIR} and expires_at is null)
      union all
      (${ASSIGNMENT_OF_PAIR} and expires_at > now())
      union all
      (${ASSIGNMENT_OF_PAIR} and expires_at <= now() order by expires_at desc, id desc limit ${EXPIRED_ASSIGNMENTS_READ_MAX})
    ) held) as assignments
${STANDING_OF_PAIR}
where head.only_row`

/**
 * As RESOLVE_SQL, for who has few: one range and plain rows, at half of what that costs here and there. With fewer rows than it may give
 * these are all there are, and none of those that are over would have been left out. They come in any order: PostgreSQL takes a tenth of the
 * statement's time to sort even one row.
 */
export const RESOLVE_FEW_SQL = `select ${STANDING},
  held.id, held.role, ${msSql('held.valid_from')} as valid_from_ms, ${msSql('held.expires_at')} as expires_at_ms
${STANDING_OF_PAIR}
left join lateral (${ASSIGNMENT_OF_PAIR} order by expires_at desc, id desc limit ${EXPIRED_ASSIGNMENTS_READ_MAX}) held on true
where head.only_row`

/**
 * $1 tenant, $2 roles, $3 the user after whom to begin ('' at the start: no id is empty), $4 limit.
 * Each role is one ordered scan of an index that stops after $4 users. The first $4 of all of them together are complete:
 * a role of theirs could only be missing if $4 users with that role stood before them, and then they would not be among the first.
 * Accounts are looked up one by one: "offset 0" keeps the planner from making a join of it, which by some samples of the tables reads all of them
 * for a few holders.
 */
export const LIST_HOLDERS_SQL = `select head.position, head.policy_position, tenant.state as tenant_state, tenant.attributes as tenant_attributes,
  (select coalesce(json_agg(json_build_object('user', page.user_id, 'roles', page.roles,
      'attributes', (select attributes from subject where subject.id = page.user_id)) order by page.user_id), '[]')
    from (
      select found.user_id, array_agg(found.role order by found.role) as roles
      from (select distinct asked.role collate "C" as role from unnest($2::text[]) as asked(role)) wanted
      cross join lateral (
        select distinct held.user_id, held.role
        from role_assignment held
        where held.tenant_id = $1 and held.role = wanted.role and held.revoked_at is null and held.user_id > $3
          and held.valid_from <= now() and (held.expires_at is null or held.expires_at > now())
          and exists (select from subject where subject.id = held.user_id and subject.state = 'active' offset 0)
        order by held.user_id limit $4
      ) found
      where tenant.state = 'active'
      group by found.user_id order by found.user_id limit $4
    ) page) as holders
from access_head head
left join tenant on tenant.id = $1
where head.only_row`

interface HeadColumns {
  readonly position: number
  readonly policy_position: number
  readonly tenant_state: string | null
  readonly tenant_attributes: Attributes | null
}
interface StandingColumns extends HeadColumns {
  readonly read_at_ms: number
  readonly user_state: string | null
  readonly user_attributes: Attributes | null
  readonly user_epoch: number | null
}
interface ResolveRow extends StandingColumns {
  readonly assignments: readonly Assignment[]
}
/** Without an assignment there is one row, and nothing in these. */
interface ResolveFewRow extends StandingColumns {
  readonly id: string | null
  readonly role: string
  readonly valid_from_ms: number
  readonly expires_at_ms: number | null
}
interface HoldersRow extends HeadColumns {
  readonly holders: readonly Holder[]
}

export function openAccessReader(database: Database): AccessReader {
  return {
    async resolve(tenant, user): Promise<AccessState> {
      const few = await database.queryPrepared<ResolveFewRow>('castellan_resolve_few', RESOLVE_FEW_SQL, [tenant, user])
      if (few.length < EXPIRED_ASSIGNMENTS_READ_MAX) return stateOf(theRow(few), assignmentsOf(few))
      const row = theRow(await database.queryPrepared<ResolveRow>('castellan_resolve_2', RESOLVE_SQL, [tenant, user]))
      return stateOf(row, row.assignments)
    },

    async listHolders(tenant, roles, afterUser, limit): Promise<Holders> {
      // Unnamed: planned for these very values, because a plan for any limit would not stop early.
      const values = [tenant, [...roles], afterUser ?? '', limit]
      const row = theRow(await database.queryPrepared<HoldersRow>(undefined, LIST_HOLDERS_SQL, values))
      return { position: row.position, policyPosition: row.policy_position, tenant: tenantOf(row), holders: row.holders }
    },
  }
}

function stateOf(row: StandingColumns, assignments: readonly Assignment[]): AccessState {
  return {
    position: row.position,
    policyPosition: row.policy_position,
    readAtMs: row.read_at_ms,
    tenant: tenantOf(row),
    user:
      row.user_state === null
        ? undefined
        : { deactivated: row.user_state !== 'active', attributes: row.user_attributes ?? {}, epoch: row.user_epoch ?? 0 },
    assignments,
  }
}

function assignmentsOf(rows: readonly ResolveFewRow[]): readonly Assignment[] {
  const assignments: Assignment[] = []
  for (const { id, role, valid_from_ms, expires_at_ms } of rows)
    if (id !== null) assignments.push({ id, role, validFromMs: valid_from_ms, expiresAtMs: expires_at_ms })
  return assignments.length > 1 ? assignments.sort(inIdOrder) : assignments
}

/** As PostgreSQL orders them, by bytes: the order of UTF-16 is the same, but for surrogates, which stand for what comes after all else. */
function inIdOrder({ id: one }: Assignment, { id: other }: Assignment): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const [left, right] = [one.charCodeAt(at), other.charCodeAt(at)]
    if (left !== right) return (isSurrogate(left) ? left + 0x1_0000 : left) - (isSurrogate(right) ? right + 0x1_0000 : right)
  }
  return one.length - other.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

// Anything but 'active' is the restrictive reading, also of a state this build does not know.
function tenantOf(row: HeadColumns): AccessState['tenant'] {
  if (row.tenant_state === null) return undefined
  return { suspended: row.tenant_state !== 'active', attributes: row.tenant_attributes ?? {} }
}

function theRow<R>(rows: readonly R[]): R {
  const [row] = rows
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  return row
}
