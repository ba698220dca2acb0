/** The one canonical text of a bundle, its hash, and the way back from a stored text. Floor 2. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { membersText, stableJson } from '../ground/canonical-json.ts'
import type { AttributeTest, Condition, Constraint, PermissionEntry, PolicyBundle, RoleEntry, RoleGrant } from '../model/policy.ts'
import { compareText, PolicyError } from './faults.ts'
import { ATTRIBUTE_TYPES, attributeTestSchema } from './schema.ts'

/** Sorted, with equal entries once, wherever order has no meaning. */
export function canonicalBundle(bundle: PolicyBundle): PolicyBundle {
  return {
    permissions: sortBy(bundle.permissions, (permission) => permission.name).map(canonicalPermission),
    reserved: sortBy(bundle.reserved, (tombstone) => `${tombstone.name} ${tombstone.code}`),
    roles: sortBy(bundle.roles, (role) => role.name).map((role) => ({ ...role, grants: canonicalGrants(role.grants) })),
    constraints: sortBy(bundle.constraints, (constraint) => constraint.id).map(canonicalConstraint),
  }
}

/** What the revision is taken over and what is stored. */
export function canonicalJson(bundle: PolicyBundle): string {
  return canonicalText(canonicalBundle(bundle))
}

/** The text of a bundle that `canonicalBundle` made: for one that is at hand already, sorting it once more would cost as much again. */
export function canonicalText({ constraints, permissions, reserved, roles }: PolicyBundle): string {
  const parts = [
    `"permissions":${stableJson(permissions)}`,
    `"reserved":${stableJson(reserved)}`,
    `"roles":[${roles.map(roleText).join(',')}]`,
  ]
  return `{"constraints":${stableJson(constraints)},${parts.join(',')}}`
}

/** As `stableJson` writes it. Nearly all of a large bundle are grants without a condition, so these are written without a detour. */
function roleText({ grants, ...role }: RoleEntry): string {
  const texts = grants.map((grant) => (isBare(grant) ? `{"permission":${JSON.stringify(grant.permission)}}` : stableJson(grant)))
  return membersText({ ...role, grants }, (key, member) => (key === 'grants' ? `[${texts.join(',')}]` : stableJson(member)))
}

/** SHA-256 of a canonical text, 64 hex digits. */
export function revisionOf(canonical: string): string {
  return createHash('sha256').update(canonical, 'utf8').digest('hex')
}

export function canonicalGrants(grants: readonly RoleGrant[]): readonly RoleGrant[] {
  if (isCanonicalAsItIs(grants)) return grants
  const keyed = grants.map((grant) => {
    if (isBare(grant)) return { grant, rest: BARE }
    const canonical = grant.when === undefined ? grant : { ...grant, when: canonicalCondition(grant.when) }
    return { grant: canonical, rest: stableJson(canonical) }
  })
  keyed.sort((a, b) => compareText(a.grant.permission, b.grant.permission) || compareText(a.rest, b.rest))
  const distinct = keyed.filter(({ grant, rest }, index) => {
    const before = keyed[index - 1]
    return before === undefined || before.grant.permission !== grant.permission || before.rest !== rest
  })
  return distinct.map(({ grant }) => grant)
}

/** Stands for the text of a grant without a condition: it comes behind the others of its permission, as `"}` comes behind `",`. */
const BARE = '}'

function isBare({ when, reason }: RoleGrant): boolean {
  return when === undefined && reason === undefined
}

/** The usual case, seen in one walk: nothing has a condition, and all are in order. */
function isCanonicalAsItIs(grants: readonly RoleGrant[]): boolean {
  return grants.every((grant, index) => {
    const before = grants[index - 1]
    return isBare(grant) && (before === undefined || before.permission < grant.permission)
  })
}

function canonicalCondition(condition: Condition): Condition {
  return Object.fromEntries(Object.entries(condition).map(([attribute, test]) => [attribute, canonicalTest(test)]))
}

function canonicalTest(test: AttributeTest): AttributeTest {
  return Object.fromEntries(
    Object.entries(test).map(([operator, operand]) => [operator, Array.isArray(operand) ? sortedDistinct(operand) : operand]),
  )
}

function canonicalPermission(permission: PermissionEntry): PermissionEntry {
  return permission.log === undefined ? permission : { ...permission, log: sortedDistinct(permission.log) }
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

const names = z.array(z.string())
const bundleSchema = z.strictObject({
  permissions: z.array(
    z.strictObject({
      name: z.string(),
      code: z.string(),
      title: z.string(),
      service: z.string(),
      owner: z.string(),
      risk: z.enum(['low', 'normal', 'high']),
      stage: z.enum(['active', 'disabled']),
      attributes: z.record(z.string(), z.enum(ATTRIBUTE_TYPES)),
      log: z.array(z.string()).min(1).exactOptional(),
      deprecated: z
        .strictObject({ since: z.string(), removeAfter: z.string().exactOptional(), replacedBy: z.string().exactOptional() })
        .exactOptional(),
    }),
  ),
  reserved: z.array(z.strictObject({ name: z.string(), code: z.string(), removed: z.string() })),
  roles: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      bundle: z.string(),
      owner: z.string(),
      assignable: z.enum(['any', 'temporary']),
      maxGrantMs: z.int().positive().exactOptional(),
      grants: z.array(
        z.strictObject({
          permission: z.string(),
          when: z.record(z.string(), attributeTestSchema).exactOptional(),
          reason: z.string().exactOptional(),
        }),
      ),
    }),
  ),
  constraints: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({
        id: z.string(),
        type: z.literal('separation-of-duty'),
        permissions: names,
        max: z.int().positive(),
        tenants: names.exactOptional(),
      }),
      z.strictObject({ id: z.string(), type: z.literal('max-roles-per-tenant'), max: z.int().positive(), tenants: names.exactOptional() }),
    ]),
  ),
})

/**
 * Reads a stored revision back.
 * @throws PolicyError when the text is not a bundle
 */
export function parseCanonical(text: string): PolicyBundle {
  const refuse = (message: string): PolicyError =>
    new PolicyError([{ file: 'stored revision', line: 1, col: 1, severity: 'error', code: 'unreadable', message }])
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch {
    throw refuse('the stored text is not JSON')
  }
  const read = bundleSchema.safeParse(plain)
  if (!read.success)
    throw refuse(`the stored text is not a bundle: ${read.error.issues[0]?.path.join('.')}: ${read.error.issues[0]?.message}`)
  return read.data
}
