/** What a candidate policy would do to people: the exact effect on every live assignment, as it is streamed. Floor 1. */
import type { PolicyDiff } from './policy-diff.ts'

/**
 * How one permission of one user in one tenant changes. Held means as ListPermissions says: by a role in force, the permission not disabled,
 * and of conditional ways only those whose variables are set.
 * `gained` nothing → held · `lost` held → nothing · `narrowed` without a condition → only under one · `widened` the other way round ·
 * `changed` under other conditions than before.
 */
export type EffectKind = 'gained' | 'lost' | 'widened' | 'narrowed' | 'changed'

export interface Effect {
  /** Full name; of the candidate where both have it. */
  readonly permission: string
  readonly kind: EffectKind
  /** Held only under a condition where it is held: after a gain, before a loss. Always true for `narrowed`, `changed`. */
  readonly conditional: boolean
  /** First instant at which it is so; absent: at once. */
  readonly fromMs?: number
}

/** All effects on one pair. Each [permission, kind] stands once, with its first instant; sorted by permission, then kind. */
export interface SubjectEffects {
  readonly user: string
  readonly tenant: string
  /** Account or tenant is closed (deactivated, invited, suspended): nothing is held now, and this is what would be when it opens. Not counted. */
  readonly dormant: boolean
  readonly effects: readonly Effect[]
}

/**
 * Would break a rule of the candidate and does not, at that instant, break one in force about the same (the same permissions, or the number of
 * roles) that is no laxer. Ids are names: a rule that only gets another one is no news, another rule under the same id is.
 */
export interface SubjectBreach {
  readonly user: string
  readonly tenant: string
  /** Id of a constraint; `temporary-only` when a role may only be held for a time, or not for so long. */
  readonly constraint: string
  readonly message: string
  readonly fromMs?: number
}

export type EffectCounts = Readonly<Record<EffectKind, number>>

export interface PlanSummary {
  readonly from: string
  readonly to: string
  /** Feed positions of the first and the last page read: when they differ, so many changes were made meanwhile. */
  readonly positionFirst: number
  readonly positionLast: number
  /** Pairs of user and tenant that hold a changed role, now or later, dormant ones among them. */
  readonly pairs: number
  /** Those with an effect; and dormant ones that would have one, which are in no sum of effects. */
  readonly pairsAffected: number
  readonly pairsDormant: number
  /** [user, tenant, permission] by kind; and those of them that are not so at once. */
  readonly effects: EffectCounts
  readonly later: EffectCounts
  /**
   * By role that grants it (in the candidate for what is gained or widened, in force for what is lost or narrowed, either for what is changed);
   * changed roles with an effect only, sorted by name. What two roles of one pair grant counts with each.
   */
  readonly byRole: readonly (EffectCounts & { readonly role: string; readonly pairs: number })[]
  /** Those with the most effects first, at most PLAN_TENANTS_MAX; the rest are only in the sums. Beyond PLAN_TENANTS_COUNTED_MAX tenants, those that come first in the walk are compared. */
  readonly byTenant: readonly (EffectCounts & { readonly tenant: string; readonly pairs: number })[]
  /** Exact up to PLAN_TENANTS_COUNTED_MAX tenants; beyond it, one that several changed roles lead to may count more than once. */
  readonly tenantsLeftOut: number
  readonly byPermission: readonly (EffectCounts & { readonly permission: string; readonly risk: 'low' | 'normal' | 'high' })[]
  readonly breaches: readonly { readonly constraint: string; readonly pairs: number }[]
  /** Held now or later, of dormant pairs too, and in the candidate no more. */
  readonly rolesGone: readonly { readonly role: string; readonly pairs: number }[]
  /**
   * Pairs whose token outgrows its form, by the largest claim that each policy would have it carry now or once grants that are there already
   * begin. Dormant pairs count as if account and tenant were open: their tokens are issued in that form when they open.
   */
  readonly tokens: {
    readonly codesToBits: number
    readonly toOverage: number
    /** Longest codes of one pair, in characters, at any of these instants, among those with an effect, dormant ones too. */
    readonly charactersBefore: number
    readonly charactersAfter: number
  }
}

export type PlanEvent =
  | {
      readonly event: 'begin'
      readonly from: string
      readonly to: string
      /** From its beginning as much as PLAN_DIFF_BYTES_MAX holds; what people are told of below is worked out from all of it. */
      readonly diff: PolicyDiff
      /** Entries and grants that the difference has beyond that; 0: it is whole. */
      readonly diffLeftOut: number
      readonly changedRoles: readonly string[]
      /** Pairs to look at, at most: a pair that holds two changed roles is counted twice. */
      readonly pairsMax: number
    }
  /** At most PLAN_EVENT_ITEMS_MAX each; only when people may be named. */
  | { readonly event: 'effects'; readonly items: readonly SubjectEffects[] }
  | { readonly event: 'breaches'; readonly items: readonly SubjectBreach[] }
  /** `pairs`: looked at so far. */
  | { readonly event: 'progress'; readonly pairs: number; readonly pairsMax: number }
  | { readonly event: 'end'; readonly summary: PlanSummary }
