/** Reads who held what at another time, and what is over soon; each call one statement. Judges nothing. Floor 2. */
import type { Assignment } from '../model/access-state.ts'
import type { Attributes } from '../model/condition.ts'
import { StoreError } from '../model/error-code.ts'
import { HISTORY_HOLDERS_LOOKED_AT_MAX } from '../model/observation-limits.ts'
import type { AssignmentRecord } from '../model/records.ts'
import {
  LIST_EXPIRING_OF_TENANTS_SQL,
  LIST_EXPIRING_SQL,
  LIST_HOLDERS_AT_SQL,
  POLICY_AT_SQL,
  RESOLVE_AT_SQL,
} from './access-history-sql.ts'
import type { Database } from './database.ts'
import type { HistoryReader, HoldersThen, PolicyThen, StateThen } from './history-ports.ts'
import { decodeTimedPageToken, readPage, timedKey } from './page.ts'
import { timestampOf } from './value-types.ts'

interface PolicyColumn {
  readonly policy_revision: string | null
}
interface HeadColumns extends PolicyColumn {
  readonly position: number
  readonly policy_position: number
  readonly tenant_state: string | null
  readonly tenant_attributes: Attributes | null
}
interface StateRow extends HeadColumns {
  readonly user_state: string | null
  readonly user_attributes: Attributes | null
  readonly assignments: readonly Assignment[]
}
interface HoldersRow extends HeadColumns {
  readonly looked_through: string | null
  readonly holders: HoldersThen['holders']
}
interface ExpiringRow {
  readonly id: string
  readonly user_id: string
  readonly tenant_id: string
  readonly role: string
  readonly valid_from_ms: number
  readonly expires_at_ms: number
  readonly reason: string | null
  readonly created_by: string
  readonly created_at_ms: number
}

export function openHistoryReader(database: Database): HistoryReader {
  // Unnamed, as all of these: planned for these very values.
  const ask = <R>(sql: string, values: readonly unknown[]) => database.queryPrepared<R>(undefined, sql, values)
  return {
    async findPolicyRevision({ atMs, schedule }) {
      return policyOf(theRow(await ask<PolicyColumn>(POLICY_AT_SQL, [timestampOf(atMs), schedule])))
    },

    async resolve(tenant, user, { atMs, schedule }): Promise<StateThen> {
      const row = theRow(await ask<StateRow>(RESOLVE_AT_SQL, [tenant, user, timestampOf(atMs), schedule]))
      return {
        ...policyOf(row),
        position: row.position,
        policyPosition: row.policy_position,
        readAtMs: atMs,
        tenant: tenantOf(row),
        // What was issued to an account is no part of what it may do.
        user:
          row.user_state === null
            ? undefined
            : { deactivated: row.user_state !== 'active', attributes: row.user_attributes ?? {}, epoch: 0 },
        assignments: row.assignments,
      }
    },

    async listHolders(tenant, roles, afterUser, limit, { atMs, schedule }): Promise<HoldersThen> {
      const lookedAt = Math.max(limit, HISTORY_HOLDERS_LOOKED_AT_MAX)
      const values = [tenant, [...roles], afterUser ?? '', limit, timestampOf(atMs), schedule, lookedAt]
      const row = theRow(await ask<HoldersRow>(LIST_HOLDERS_AT_SQL, values))
      const next = row.holders.length === limit ? row.holders.at(-1)?.user : (row.looked_through ?? undefined)
      return {
        ...policyOf(row),
        position: row.position,
        tenant: tenantOf(row),
        holders: row.holders,
        ...(next === undefined ? {} : { next }),
      }
    },

    async listExpiring(tenants, withinMs, page) {
      const { atMs, id } = decodeTimedPageToken(page.pageToken) ?? { atMs: 0, id: '' }
      return await readPage(
        page,
        (record) => timedKey(record.expiresAtMs ?? 0, record.id),
        async (limit) => {
          const values = [withinMs, timestampOf(atMs), id, limit]
          const rows =
            tenants === null
              ? await ask<ExpiringRow>(LIST_EXPIRING_SQL, values)
              : await ask<ExpiringRow>(LIST_EXPIRING_OF_TENANTS_SQL, [...values, [...tenants]])
          return rows.map(toRecord)
        },
      )
    },
  }
}

function policyOf({ policy_revision: revision }: PolicyColumn): PolicyThen {
  return revision === null ? {} : { policyRevision: revision }
}

// Anything but 'active' is the restrictive reading, also of a state this build does not know.
function tenantOf(row: HeadColumns): StateThen['tenant'] {
  if (row.tenant_state === null) return undefined
  return { suspended: row.tenant_state !== 'active', attributes: row.tenant_attributes ?? {} }
}

function toRecord(row: ExpiringRow): AssignmentRecord {
  return {
    id: row.id,
    role: row.role,
    validFromMs: row.valid_from_ms,
    expiresAtMs: row.expires_at_ms,
    tenant: row.tenant_id,
    user: row.user_id,
    reason: row.reason,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    revokedAtMs: null,
    revokedBy: null,
  }
}

function theRow<R>(rows: readonly R[]): R {
  const [row] = rows
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  return row
}
