/** A policy bundle after parsing and expansion: plain data, canonical, what a revision's hash is taken over. Floor 1. */

/** Type of an attribute that a caller may send with a resource. */
export type AttributeType = 'string' | 'number' | 'boolean' | 'string[]' | 'number[]'
export type Risk = 'low' | 'normal' | 'high'

/** One permission of a catalogue. Names and codes never collide with each other or with roles (policy-format, "Grammar"). */
export interface PermissionEntry {
  readonly name: string
  readonly code: string
  readonly title: string
  readonly service: string
  readonly owner: string
  readonly risk: Risk
  /** A disabled permission is denied to everybody with PERMISSION_DISABLED. */
  readonly stage: 'active' | 'disabled'
  readonly attributes: Readonly<Record<string, AttributeType>>
  /** Attributes of the resource that the decision log keeps, sorted; absent: none. */
  readonly log?: readonly string[]
  readonly deprecated?: { readonly since: string; readonly removeAfter?: string; readonly replacedBy?: string }
}

/** A name and code that had a meaning once and never get another. */
export interface Tombstone {
  readonly name: string
  readonly code: string
  readonly removed: string
}

/** `{ $var: path }`; roots are `user.id`, `user.attributes.*`, `tenant.id`, `tenant.attributes.*`. */
export interface Variable {
  readonly $var: string
}
export type Scalar = string | number | boolean
export type Operand = Scalar | Variable
/** One attribute's tests, all of which must hold. A closed list: no `$regex`, no `$where`. */
export interface AttributeTest {
  readonly $eq?: Operand
  readonly $ne?: Operand
  readonly $in?: readonly Operand[] | Variable
  readonly $nin?: readonly Operand[] | Variable
  readonly $lt?: Operand
  readonly $lte?: Operand
  readonly $gt?: Operand
  readonly $gte?: Operand
  readonly $exists?: boolean
  readonly $all?: readonly Operand[] | Variable
  readonly $size?: number
}
/** Attribute name to its test; all must hold. `attr: value` in a file is written here as `{ $eq: value }`. */
export type Condition = Readonly<Record<string, AttributeTest>>

export interface RoleGrant {
  readonly permission: string
  readonly when?: Condition
  /** Why the condition is there, shown when it fails. */
  readonly reason?: string
}

/** A role with its sets expanded: exactly what it grants, sorted by permission. A permission may stand more than once with different conditions. */
export interface RoleEntry {
  readonly name: string
  readonly title: string
  /** Name of the RoleBundle file it came from. */
  readonly bundle: string
  readonly owner: string
  readonly assignable: 'any' | 'temporary'
  /** Longest window of one assignment, in milliseconds; only with `assignable: temporary`. */
  readonly maxGrantMs?: number
  readonly grants: readonly RoleGrant[]
}

export type Constraint =
  | {
      readonly id: string
      readonly type: 'separation-of-duty'
      readonly permissions: readonly string[]
      /** At most this many of `permissions` may be held at one time by one user in one tenant. */
      readonly max: number
      readonly tenants?: readonly string[]
    }
  | {
      readonly id: string
      readonly type: 'max-roles-per-tenant'
      readonly max: number
      /** Patterns in which `*` stands for any characters; absent: every tenant. */
      readonly tenants?: readonly string[]
    }

export interface PolicyBundle {
  readonly permissions: readonly PermissionEntry[]
  readonly reserved: readonly Tombstone[]
  readonly roles: readonly RoleEntry[]
  readonly constraints: readonly Constraint[]
}
