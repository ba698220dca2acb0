/** How canonical texts were made first: stored revisions have this form, so whatever makes them now must write the same. */
import type { AttributeTest, Condition, Constraint, PolicyBundle, RoleGrant } from '../../src/model/policy.ts'
import { compareText } from '../../src/policy/faults.ts'

/** Sorted, with equal entries once, wherever order has no meaning. */
function canonicalBundle(bundle: PolicyBundle): PolicyBundle {
  return {
    // `log` came later: bundles without it keep their text.
    permissions: sortBy(bundle.permissions, (permission) => permission.name).map((permission) =>
      permission.log === undefined ? permission : { ...permission, log: sortedDistinct(permission.log) },
    ),
    reserved: sortBy(bundle.reserved, (tombstone) => `${tombstone.name} ${tombstone.code}`),
    roles: sortBy(bundle.roles, (role) => role.name).map((role) => ({ ...role, grants: canonicalGrants(role.grants) })),
    constraints: sortBy(bundle.constraints, (constraint) => constraint.id).map(canonicalConstraint),
  }
}

/** What the revision is taken over and what is stored. */
export function firstCanonicalJson(bundle: PolicyBundle): string {
  return stableJson(canonicalBundle(bundle))
}

function canonicalGrants(grants: readonly RoleGrant[]): readonly RoleGrant[] {
  const distinct = new Map<string, RoleGrant>()
  for (const grant of grants) {
    const canonical = grant.when === undefined ? grant : { ...grant, when: canonicalCondition(grant.when) }
    distinct.set(`${grant.permission} ${stableJson(canonical)}`, canonical)
  }
  return [...distinct].sort(([a], [b]) => compareText(a, b)).map(([, grant]) => grant)
}

function canonicalCondition(condition: Condition): Condition {
  return Object.fromEntries(Object.entries(condition).map(([attribute, test]) => [attribute, canonicalTest(test)]))
}

function canonicalTest(test: AttributeTest): AttributeTest {
  return Object.fromEntries(
    Object.entries(test).map(([operator, operand]) => [operator, Array.isArray(operand) ? sortedDistinct(operand) : operand]),
  )
}

function canonicalConstraint(constraint: Constraint): Constraint {
  // Permissions of a separation of duty keep their order: messages name them as their author did, first step first.
  return constraint.tenants === undefined ? constraint : { ...constraint, tenants: sortedDistinct(constraint.tenants) }
}

function sortedDistinct<T>(list: readonly T[]): readonly T[] {
  const distinct = new Map(list.map((item) => [stableJson(item), item]))
  return [...distinct].sort(([a], [b]) => compareText(a, b)).map(([, item]) => item)
}

function sortBy<T>(list: readonly T[], key: (item: T) => string): readonly T[] {
  return [...list].sort((a, b) => compareText(key(a), key(b)))
}

/** JSON with keys in order of their code units and without blanks. Bundles are shallow, so the recursion is too. */
function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, member]) => `${JSON.stringify(key)}:${stableJson(member)}`)
  return `{${members.join(',')}}`
}
