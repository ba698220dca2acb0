/** A policy with one cell of its role × permission matrix changed, laid over the compiled one. Compiles nothing again; runs no test. Floor 2. */
import type { CompiledPolicy, GrantWay, RoleSet } from '../model/compiled-policy.ts'
import type { RoleEntry } from '../model/policy.ts'
import { compareText } from './faults.ts'

/**
 * `dropped`: the role's every way to the permission is gone · `opened`: granted under a condition before, always now ·
 * `added`: not granted before, always now.
 */
export type MutantKind = 'dropped' | 'opened' | 'added'

export interface Mutant {
  readonly kind: MutantKind
  readonly role: string
  /** Full name. */
  readonly permission: string
}

/** How a role grants a permission by itself. */
export type Granting = 'always' | 'conditional'

export function grantingOf(role: RoleEntry): ReadonlyMap<string, Granting> {
  const granting = new Map<string, Granting>()
  for (const { permission, when } of role.grants)
    granting.set(permission, when === undefined || granting.get(permission) === 'always' ? 'always' : 'conditional')
  return granting
}

/** Which mutants there are of one cell. */
export function mutantKinds(granting: Granting | undefined): readonly MutantKind[] {
  return granting === undefined ? ADDED : granting === 'always' ? DROPPED : DROPPED_OR_OPENED
}
const ADDED: readonly MutantKind[] = ['added']
const DROPPED: readonly MutantKind[] = ['dropped']
const DROPPED_OR_OPENED: readonly MutantKind[] = ['dropped', 'opened']

/**
 * Which added permissions would make validation refuse the files, for one role: those by which it alone breaks a separation of duty that
 * holds in every tenant (see check-constraints.ts).
 */
export function refusedAdditions(policy: CompiledPolicy, granting: ReadonlyMap<string, Granting>): ReadonlySet<string> {
  const refused = new Set<string>()
  for (const constraint of policy.bundle.constraints) {
    if (constraint.type !== 'separation-of-duty' || constraint.tenants !== undefined) continue
    const held = constraint.permissions.filter((permission) => granting.has(permission)).length
    if (held + 1 > constraint.max) for (const permission of constraint.permissions) if (!granting.has(permission)) refused.add(permission)
  }
  return refused
}

/**
 * Answers as the policy compiled from the changed bundle would. What names no permission of it is the policy's own: `bundle` and `revision`
 * still say what was before.
 */
export function mutatePolicy(policy: CompiledPolicy, mutant: Mutant): CompiledPolicy {
  const granting = policy.rolesGranting(mutant.permission)
  const rolesGranting =
    mutant.kind === 'dropped'
      ? granting.filter((role) => role !== mutant.role)
      : granting.includes(mutant.role)
        ? granting
        : [...granting, mutant.role].sort(compareText)
  return {
    ...policy,
    roleSet: (roles) => mutateRoleSet(policy.roleSet(roles), mutant),
    rolesGranting: (permission) => (permission === mutant.permission ? rolesGranting : policy.rolesGranting(permission)),
  }
}

/** The same set where it does not hold the changed role. */
export function mutateRoleSet(set: RoleSet, mutant: Mutant): RoleSet {
  return set.roles.includes(mutant.role) ? new MutatedRoleSet(set, mutant) : set
}

class MutatedRoleSet implements RoleSet {
  readonly #set: RoleSet
  readonly #mutant: Mutant

  constructor(set: RoleSet, mutant: Mutant) {
    this.#set = set
    this.#mutant = mutant
  }

  get roles(): readonly string[] {
    return this.#set.roles
  }

  can(permission: string, context: Parameters<RoleSet['can']>[1]): boolean {
    if (permission !== this.#mutant.permission) return this.#set.can(permission, context)
    return this.waysTo(permission).some((way) => way.evaluate(context) === undefined)
  }

  waysTo(permission: string): readonly GrantWay[] {
    const ways = this.#set.waysTo(permission)
    const { kind, role } = this.#mutant
    if (permission !== this.#mutant.permission) return ways
    const others = ways.filter((way) => way.role !== role)
    return kind === 'dropped' ? others : [...others, alwaysBy(role)].sort((a, b) => compareText(a.role, b.role))
  }

  get permissions(): readonly string[] {
    const { permission } = this.#mutant
    const others = this.#set.permissions.filter((one) => one !== permission)
    return this.waysTo(permission).length === 0 ? others : [...others, permission].sort(compareText)
  }
}

function alwaysBy(role: string): GrantWay {
  return { role, conditional: false, reason: undefined, evaluate: () => undefined, variablesSet: () => true }
}
