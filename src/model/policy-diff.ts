/** What differs between two bundles, in the words of the field. Floor 1. */
import type { Condition, Constraint, PermissionEntry, RoleEntry, RoleGrant, Tombstone } from './policy.ts'

/** A field of a permission or role that has another value, both as text for people. */
export interface FieldChange {
  readonly field: string
  readonly before: string
  readonly after: string
}

export interface PermissionChange {
  readonly name: string
  readonly code: string
  readonly fields: readonly FieldChange[]
}

/** How a role holds one permission on both sides. Conditions of one permission in one role are alternatives; `'always'`: without a condition. */
export interface GrantChange {
  readonly permission: string
  readonly before: readonly Condition[] | 'always'
  readonly after: readonly Condition[] | 'always'
}

/** Other words for why a condition is there; nobody's rights change by it. */
export interface ReasonChange {
  readonly permission: string
  readonly before: string
  readonly after: string
}

export interface RoleChange {
  readonly name: string
  /** Title, owner, bundle, assignable, maxGrant. */
  readonly fields: readonly FieldChange[]
  /** Expanded: sets are already in it. Sorted by permission, each by the name of its own side; a renamed permission is neither gained nor lost. */
  readonly gained: readonly RoleGrant[]
  readonly lost: readonly RoleGrant[]
  /** By the name it has after. */
  readonly changed: readonly GrantChange[]
  /** By the name it has after. */
  readonly reasons: readonly ReasonChange[]
}

/** All lists sorted by name; all empty: the two mean the same. */
export interface PolicyDiff {
  readonly permissions: {
    readonly added: readonly PermissionEntry[]
    readonly removed: readonly PermissionEntry[]
    /** By the name and code it has after. */
    readonly changed: readonly PermissionChange[]
    /** The same code under another name, or the same name with another code. */
    readonly renamed: readonly {
      readonly before: { readonly name: string; readonly code: string }
      readonly after: { readonly name: string; readonly code: string }
    }[]
  }
  readonly reserved: { readonly added: readonly Tombstone[]; readonly removed: readonly Tombstone[] }
  readonly roles: {
    readonly added: readonly RoleEntry[]
    readonly removed: readonly RoleEntry[]
    readonly changed: readonly RoleChange[]
  }
  readonly constraints: {
    readonly added: readonly Constraint[]
    readonly removed: readonly Constraint[]
    readonly changed: readonly { readonly id: string; readonly before: Constraint; readonly after: Constraint }[]
  }
}
