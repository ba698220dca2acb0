/** What the rest of the house asks of storage about other times than now, and about decisions that were made. Floor 2. */
import type { AccessState } from '../model/access-state.ts'
import type { PageInput } from '../model/administration.ts'
import type { Attributes } from '../model/condition.ts'
import type { DecisionFilter, DecisionRecord } from '../model/decision-record.ts'
import type { AssignmentRecord, Page } from '../model/records.ts'

/** A time of which is asked, on the database's clock. */
export interface Asked {
  readonly atMs: number
  /** Activations that wait for their time will be carried out: what is in force then is the last of them. */
  readonly schedule: boolean
}

export interface PolicyThen {
  /** Absent: none was in force yet. */
  readonly policyRevision?: string
}

/** `readAtMs` is the time of which was asked; `position` and `policyPosition` are of the read. Of assignments only those in force then. */
export type StateThen = AccessState & PolicyThen

export interface HoldersThen extends PolicyThen {
  readonly position: number
  readonly tenant: StateThen['tenant']
  /** In byte order; roles distinct and sorted, only those that were asked for and were in force. */
  readonly holders: readonly { readonly user: string; readonly attributes: Attributes; readonly roles: readonly string[] }[]
  /** After whom the next page begins; absent: this was the last one. A page can be empty and not the last. */
  readonly next?: string
}

/**
 * Each a statement of its own. In the past: rows and states as they were recorded by then; a change counts from the moment at which it was
 * recorded. From now on: as they are.
 */
export interface HistoryReader {
  findPolicyRevision(asked: Asked): Promise<PolicyThen>
  resolve(tenant: string, user: string, asked: Asked): Promise<StateThen>
  /** As AccessReader.listHolders; looks at a bounded number of people a page. */
  listHolders(tenant: string, roles: readonly string[], afterUser: string | undefined, limit: number, asked: Asked): Promise<HoldersThen>
  /** Not revoked and over within this time from now; soonest first. `tenants`: only of these; `null`: all. */
  listExpiring(tenants: readonly string[] | null, withinMs: number, page: PageInput): Promise<Page<AssignmentRecord>>
}

/** What one role allowed in the last days, and what is known of how it was counted. Whole days of UTC, and what of today is over. */
export interface RoleUses {
  /** Begin of the first day that was asked for; `nowMs` is the database's time. */
  readonly fromMs: number
  readonly nowMs: number
  /** Since when anything was counted; absent: never. */
  readonly sinceMs?: number
  /** The smallest share of allowed decisions that any replica kept; absent: none of them said. */
  readonly sampled?: number
  /** In all tenants: nobody knows whose it was. */
  readonly lost: number
  /** Of those permissions that were used. */
  readonly uses: readonly { readonly permission: string; readonly uses: number; readonly lastUsedMs: number }[]
}

/** The table of the decision log. `tenants`: only decisions in these; `null`: all, also those in none. */
export interface DecisionLogTable {
  /** Newest first; looks at a bounded number of rows a page, so that a page can be short, or empty, and not the last. */
  list(filter: DecisionFilter, tenants: readonly string[] | null, page: PageInput): Promise<Page<DecisionRecord>>
  find(id: string): Promise<DecisionRecord | undefined>
  /** One statement, whose cost grows with permissions and days, not with decisions. */
  countRoleUses(role: string, permissions: readonly string[], tenants: readonly string[] | null, days: number): Promise<RoleUses>
}
