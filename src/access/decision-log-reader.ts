/** The decision log in the database, guarded. Writes nothing and filters nothing beyond whose tenants they are. Floor 3. */
import type { DecisionLogReader } from '../model/access-history.ts'
import type { PolicySource } from '../model/compiled-policy.ts'
import type { DecisionFilter } from '../model/decision-record.ts'
import { NotFoundError, RequestError } from '../model/error-code.ts'
import type { DecisionLogTable } from '../store/history-ports.ts'
import { requireScope, requireTenant } from './guard.ts'

export interface DecisionLogReaderNeeds {
  /** Absent: no sink of this service writes decisions into the database. */
  readonly table: DecisionLogTable | undefined
  /** Codes that people filter by are names in the log. */
  readonly policy: PolicySource & { readonly revision: string | undefined }
  /** Paths of records that are masked; absent: none. */
  readonly masked?: readonly string[]
}

export function openDecisionLogReader({ table, policy, masked = [] }: DecisionLogReaderNeeds): DecisionLogReader {
  return {
    async list(caller, filter, page) {
      requireScope(caller, 'audit')
      if (filter.tenant !== undefined) requireTenant(caller, filter.tenant)
      refuseMasked(filter, masked)
      if (table === undefined) throw decisionLogMissing()
      const { permission, ...others } = filter
      if (permission === undefined) return await table.list(others, caller.tenants, page)
      const known = policy.revision === undefined ? undefined : policy.current().findPermission(permission)?.name
      return await table.list({ ...others, permission: known ?? permission }, caller.tenants, page)
    },

    async get(caller, decisionId) {
      requireScope(caller, 'audit')
      if (table === undefined) throw decisionLogMissing()
      const record = await table.find(decisionId)
      // Of another tenant's decision not even that it was made.
      const isTheirs = caller.tenants === null || (record?.tenant !== undefined && caller.tenants.includes(record.tenant))
      if (record !== undefined && isTheirs) return record
      throw new NotFoundError(
        'The log has no decision of this id.',
        'It may be older than what the log keeps, sampled away, or on its way: decisions are written a moment after they are answered.',
      )
    },
  }
}

/** Nothing would be found, which would look as if nothing had happened. And who may not see whose decision it was may not find out by asking. */
export function refuseMasked({ user }: Pick<DecisionFilter, 'user'>, masked: readonly string[]): void {
  if (user === undefined || !masked.includes('user')) return
  throw new RequestError(
    [{ field: 'user', message: 'is masked in the records of this service, which therefore cannot be found by it' }],
    'Leave it out. CASTELLAN_DECISION_LOG_MASK says what is masked.',
  )
}

export function decisionLogMissing(): NotFoundError {
  return new NotFoundError(
    'This service keeps no decision log in its database.',
    'Name `postgres` among the sinks in CASTELLAN_DECISION_LOG.',
  )
}
