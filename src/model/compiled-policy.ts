/** A bundle ready to answer. What `policy/compile.ts` makes and everybody above reads. Floor 1. */
import type { ConditionContext, ConditionOutcome } from './condition.ts'
import type { Constraint, PermissionEntry, PolicyBundle, RoleEntry } from './policy.ts'

/** One way by which a role set grants a permission. */
export interface GrantWay {
  readonly role: string
  readonly conditional: boolean
  readonly reason: string | undefined
  /** Always `undefined` (holds) for an unconditional grant. */
  evaluate(context: ConditionContext): ConditionOutcome
  /** Whether each variable the condition names is set for this user and tenant; true for an unconditional grant. */
  variablesSet(context: ConditionContext): boolean
}

/** A distinct set of roles, compiled once and shared by all who hold just these. */
export interface RoleSet {
  /** Sorted, distinct, each in the bundle. */
  readonly roles: readonly string[]
  /** The whole question, answered by CASL. `permission` is a full name of the catalogue. */
  can(permission: string, context: ConditionContext): boolean
  /** Every way this set grants `permission`, by role name; empty when it does not. */
  waysTo(permission: string): readonly GrantWay[]
  /** Full names of all permissions with at least one way, sorted. */
  readonly permissions: readonly string[]
}

export interface CompiledPolicy {
  /** SHA-256 over the canonical content, 64 hex digits. */
  readonly revision: string
  readonly bundle: PolicyBundle
  /** By full name or by code. */
  findPermission(nameOrCode: string): PermissionEntry | undefined
  findRole(name: string): RoleEntry | undefined
  /** Nearest known permission name or code, for "did you mean". */
  suggestPermission(nameOrCode: string): string | undefined
  suggestRole(name: string): string | undefined
  /** The compiled set for these role names; names not in the bundle grant nothing and are left out. */
  roleSet(roles: Iterable<string>): RoleSet
  /** Roles with at least one way to `permission` (full name), sorted. */
  rolesGranting(permission: string): readonly string[]
  /** Constraints in force for a tenant. */
  constraintsFor(tenant: string): readonly Constraint[]
}

/** Where the decision path finds the policy in force: one whole bundle at any moment. */
export interface PolicySource {
  current(): CompiledPolicy
}
