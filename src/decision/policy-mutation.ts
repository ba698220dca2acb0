/** Mutation score of policy tests: would a test fail if one cell of the role × permission matrix were other than it is? Changes nothing. Pure. Floor 5. */
import type { CompiledPolicy, RoleSet } from '../model/compiled-policy.ts'
import type { Constraint, PermissionEntry } from '../model/policy.ts'
import { SURVIVORS_LISTED_MAX } from '../model/policy-limits.ts'
import { grantingOf, type Mutant, type MutantKind, mutantKinds, mutatePolicy, mutateRoleSet, refusedAdditions } from '../policy/mutant.ts'
import type { TestCase } from '../policy/policy-test.ts'
import { contextOf } from './decide.ts'
import { holding } from './list.ts'
import { compareCase, compareConstraints, type PreparedTest } from './policy-test.ts'

/** Mutants of one role that no test noticed. */
export interface RoleSurvivors {
  readonly role: string
  /** Sorted. */
  readonly dropped: readonly string[]
  readonly opened: readonly string[]
  /** Sorted; those beyond SURVIVORS_LISTED_MAX of all roles are only counted. */
  readonly added: readonly string[]
  readonly addedUnlisted: number
}

export interface MutationScore {
  readonly killed: number
  readonly all: number
  /** Cells of disabled permissions: they are denied to everybody, so no test can tell a mutant from the policy. Not in `all`. */
  readonly disabledCells: number
  /** Roles with a survivor, sorted by name. */
  readonly survivors: readonly RoleSurvivors[]
}

/**
 * A mutant is killed when a test fails by it, or when validation would refuse it. Only what a test asks about the changed permission is asked
 * again: all its other answers cannot change.
 * @param tests all of which pass
 * @param progress called after each role, with how many are done
 */
export function measureMutation(policy: CompiledPolicy, tests: readonly PreparedTest[], progress: (roles: number) => void): MutationScore {
  const byRole = observersByRole(policy, tests)
  const world: World = { policy, separated: separatedPermissions(policy.bundle.constraints) }
  const permissions = policy.bundle.permissions.filter((permission) => permission.stage === 'active')
  const score = { killed: 0, all: 0 }
  const survivors: RoleSurvivors[] = []
  let listable = SURVIVORS_LISTED_MAX
  policy.bundle.roles.forEach((role, index) => {
    const granting = grantingOf(role)
    const refused = refusedAdditions(policy, granting)
    const observers = byRole.get(role.name) ?? NOBODY
    const alive: Record<MutantKind, string[]> = { dropped: [], opened: [], added: [] }
    let addedUnlisted = 0
    for (const permission of permissions)
      for (const kind of mutantKinds(granting.get(permission.name))) {
        score.all++
        if (kind === 'added' && refused.has(permission.name)) score.killed++
        else if (isKilled(world, { kind, role: role.name, permission: permission.name }, permission, observers)) score.killed++
        else if (kind === 'added' && --listable < 0) addedUnlisted++
        else alive[kind].push(permission.name)
      }
    if (alive.dropped.length + alive.opened.length + alive.added.length + addedUnlisted > 0)
      survivors.push({ role: role.name, ...alive, addedUnlisted })
    progress(index + 1)
  })
  const disabledCells = (policy.bundle.permissions.length - permissions.length) * policy.bundle.roles.length
  return { ...score, disabledCells, survivors }
}

interface World {
  readonly policy: CompiledPolicy
  /** Permissions of any separation of duty: with another one no constraint is looked at again. */
  readonly separated: ReadonlySet<string>
}

/** A test as one who may notice mutants of a role. */
interface Observer {
  readonly prepared: PreparedTest & { readonly state: NonNullable<PreparedTest['state']> }
  readonly set: RoleSet
  readonly exactly: ReadonlySet<string> | undefined
  /** By full name. */
  readonly cases: ReadonlyMap<string, readonly TestCase[]>
  /** Permissions of separations of duty in the tenant of the test. */
  readonly constrained: ReadonlySet<string>
}

/** What can notice a mutant of a role, by how it looks: no test is asked about a permission that it says nothing of. */
interface Observers {
  readonly exact: readonly Observer[]
  readonly cases: ReadonlyMap<string, readonly Observer[]>
  readonly all: readonly Observer[]
}
const NOBODY: Observers = { exact: [], cases: new Map(), all: [] }

/** Tests by the roles of their person, also those not in force: what is over or to come decides how a deny is put into words. */
function observersByRole(policy: CompiledPolicy, tests: readonly PreparedTest[]): ReadonlyMap<string, Observers> {
  const byRole = new Map<string, { exact: Observer[]; cases: Map<string, Observer[]>; all: Observer[] }>()
  const constrainedIn = new Map<string, ReadonlySet<string>>()
  for (const prepared of tests) {
    const { state, test } = prepared
    if (state === undefined) continue
    const constrained = constrainedIn.get(test.tenant) ?? separatedPermissions(policy.constraintsFor(test.tenant))
    constrainedIn.set(test.tenant, constrained)
    const observer: Observer = {
      prepared: { ...prepared, state },
      set: policy.roleSet(prepared.rolesInForce),
      exactly: test.exactly === undefined ? undefined : new Set(test.exactly),
      cases: casesByName(policy, test.cases),
      constrained,
    }
    for (const role of new Set(state.assignments.map((assignment) => assignment.role))) {
      const known = byRole.get(role) ?? { exact: [], cases: new Map<string, Observer[]>(), all: [] }
      byRole.set(role, known)
      if (observer.exactly !== undefined && observer.set.roles.includes(role)) known.exact.push(observer)
      for (const permission of observer.cases.keys()) append(known.cases, permission, observer)
      known.all.push(observer)
    }
  }
  return byRole
}

function append(index: Map<string, Observer[]>, permission: string, observer: Observer): void {
  const known = index.get(permission)
  if (known === undefined) index.set(permission, [observer])
  else known.push(observer)
}

function separatedPermissions(constraints: readonly Constraint[]): ReadonlySet<string> {
  return new Set(constraints.flatMap((constraint) => (constraint.type === 'separation-of-duty' ? constraint.permissions : [])))
}

function casesByName(policy: CompiledPolicy, cases: readonly TestCase[]): ReadonlyMap<string, readonly TestCase[]> {
  const byName = new Map<string, TestCase[]>()
  for (const item of cases) {
    const name = policy.findPermission(item.permission)?.name
    if (name === undefined) continue
    const known = byName.get(name)
    if (known === undefined) byName.set(name, [item])
    else known.push(item)
  }
  return byName
}

function isKilled(world: World, mutant: Mutant, permission: PermissionEntry, observers: Observers): boolean {
  const { policy, separated } = world
  const { kind, permission: name } = mutant
  for (const observer of observers.exact) {
    // Added means held by everybody with the role; opened leaves held what was, but for unset variables.
    const held = kind === 'added' || holdsIn(mutant, permission, observer)
    if (held !== observer.exactly?.has(name)) return true
  }
  const cases = observers.cases.get(name) ?? []
  const constrained = kind !== 'opened' && separated.has(name) ? observers.all.filter((observer) => observer.constrained.has(name)) : []
  if (cases.length === 0 && constrained.length === 0) return false
  const mutated = mutatePolicy(policy, mutant)
  return (
    cases.some(({ prepared: { test, state }, cases: byName }) =>
      (byName.get(name) ?? []).some((item) => compareCase(mutated, test, item, state).length > 0),
    ) || constrained.some(({ prepared }) => breaksOtherwise(policy, mutated, name, prepared))
  )
}

/** Constraints that do not name the permission are broken, or not, as before. */
function breaksOtherwise(
  policy: CompiledPolicy,
  mutated: CompiledPolicy,
  permission: string,
  { test, state }: Observer['prepared'],
): boolean {
  const naming = policy
    .constraintsFor(test.tenant)
    .filter((constraint) => constraint.type === 'separation-of-duty' && constraint.permissions.includes(permission))
  const narrowed = { ...mutated, constraintsFor: () => naming }
  const breaks = test.breaks?.filter((id) => naming.some((constraint) => constraint.id === id))
  return compareConstraints(narrowed, breaks === undefined ? test : { ...test, breaks }, state).length > 0
}

function holdsIn(mutant: Mutant, permission: PermissionEntry, { prepared: { test, state }, set }: Observer): boolean {
  return holding(mutateRoleSet(set, mutant), permission, contextOf({ user: test.person, tenant: test.tenant }, state)) !== undefined
}
