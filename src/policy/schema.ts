/** The four kinds of policy file as zod schemas, for reading and, from the same, as JSON Schema for editors. Finds no meaning. Floor 2. */
import { z } from 'zod'
import { REASONS } from '../model/decision.ts'
import { ID_BYTES_MAX, TEXT_CHARACTERS_MAX } from '../model/limits.ts'
import {
  CONDITION_ATTRIBUTES_MAX,
  CONDITION_VALUES_MAX,
  CONSTRAINTS_MAX,
  PERMISSIONS_MAX,
  POLICY_LIST_MAX,
  ROLES_MAX,
} from '../model/policy-limits.ts'
import {
  ATTRIBUTE_PATTERN,
  CODE_PATTERN,
  DATE_PATTERN,
  DURATION_PATTERN,
  PERMISSION_PATTERN,
  ROLE_PATTERN,
  VARIABLE_PATTERN,
} from './grammar.ts'

/** What a policy test may expect: it presents no token. */
const EXPECTED_REASONS = REASONS.filter((reason) => !reason.startsWith('TOKEN_'))

export const ATTRIBUTE_TYPES = ['string', 'number', 'boolean', 'string[]', 'number[]'] as const

const text = z.string().min(1).max(TEXT_CHARACTERS_MAX)
const scalar = z.union([z.string(), z.number(), z.boolean()])
const variable = z.strictObject({ $var: z.string().regex(VARIABLE_PATTERN) })
const operand = z.union([scalar, variable])
const ordered = z.union([z.string(), z.number(), variable])
const operands = z.union([z.array(operand).min(1).max(CONDITION_VALUES_MAX), variable])

/** One attribute's tests in their full form; also what a stored revision holds. */
export const attributeTestSchema = z
  .strictObject({
    $eq: operand.exactOptional(),
    $ne: operand.exactOptional(),
    $in: operands.exactOptional(),
    $nin: operands.exactOptional(),
    $lt: ordered.exactOptional(),
    $lte: ordered.exactOptional(),
    $gt: ordered.exactOptional(),
    $gte: ordered.exactOptional(),
    $exists: z.boolean().exactOptional(),
    $all: operands.exactOptional(),
    $size: z.int().min(0).exactOptional(),
  })
  .refine((test) => Object.keys(test).length > 0, 'must have at least one operator')

const conditionSchema = z
  .record(z.string().regex(ATTRIBUTE_PATTERN), z.union([scalar, variable, attributeTestSchema]))
  .refine((when) => Object.keys(when).length > 0 && Object.keys(when).length <= CONDITION_ATTRIBUTES_MAX)
  .describe('Attributes of the resource, all of which must hold')

/** What differs between reading and describing: places that a check of its own looks at more closely, with better words. */
interface Leaves {
  name(pattern: RegExp): z.ZodString
  readonly when: z.ZodType
  readonly maxGrant: z.ZodType<string>
}

const reading: Leaves = { name: () => z.string(), when: z.unknown(), maxGrant: z.string() }
const describing: Leaves = {
  name: (pattern) => z.string().regex(pattern),
  when: conditionSchema,
  maxGrant: z.string().regex(DURATION_PATTERN).describe('Longest window of one assignment, as an ISO 8601 duration: PT12H, P14D, P2W'),
}

function policySchemas(leaves: Leaves) {
  const permission = leaves.name(PERMISSION_PATTERN)
  const role = leaves.name(ROLE_PATTERN)
  const code = leaves.name(CODE_PATTERN)
  const date = z.string().regex(DATE_PATTERN, 'must be a date such as 2026-10-01')
  const instant = z.iso.datetime({ offset: true, error: 'must be an instant such as 2026-11-21T09:00:00Z' })
  const apiVersion = z.literal('castellan/v1')
  const permissions = z.array(permission).min(1).max(POLICY_LIST_MAX)
  const named = z.strictObject({ name: text, owner: text })
  const attributes = z.record(z.string(), z.unknown())
  const tenants = z.array(z.string().min(1).max(ID_BYTES_MAX)).min(1).max(POLICY_LIST_MAX)

  const catalogue = z.strictObject({
    apiVersion,
    kind: z.literal('PermissionCatalogue'),
    metadata: z.strictObject({ service: text, owner: text }),
    permissions: z.record(
      permission,
      z.strictObject({
        code: code.describe('Unique, never changed, never used again'),
        title: text,
        risk: z.enum(['low', 'normal', 'high']).default('normal'),
        stage: z.enum(['active', 'disabled']).default('active').describe('disabled: denied to everybody'),
        attributes: z.record(leaves.name(ATTRIBUTE_PATTERN), z.enum(ATTRIBUTE_TYPES)).default({}),
        log: z
          .array(leaves.name(ATTRIBUTE_PATTERN))
          .min(1)
          .max(CONDITION_ATTRIBUTES_MAX)
          .exactOptional()
          .describe('Attributes, of those above, that the decision log keeps; without it none are'),
        deprecated: z
          .strictObject({ since: date, removeAfter: date.exactOptional(), replacedBy: permission.exactOptional() })
          .exactOptional(),
      }),
    ),
    reserved: z
      .array(z.strictObject({ name: permission, code, removed: date }))
      .max(PERMISSIONS_MAX)
      .default([]),
  })

  const roleBundle = z.strictObject({
    apiVersion,
    kind: z.literal('RoleBundle'),
    metadata: named,
    sets: z.record(role, permissions).default({}),
    roles: z.record(
      role,
      z.strictObject({
        title: text,
        assignable: z.enum(['any', 'temporary']).default('any'),
        maxGrant: leaves.maxGrant.exactOptional(),
        include: z.array(role).max(ROLES_MAX).default([]),
        permissions: z
          .array(z.union([permission, z.strictObject({ permission, when: leaves.when.exactOptional(), reason: text.exactOptional() })]))
          .max(POLICY_LIST_MAX)
          .default([]),
      }),
    ),
  })

  const constraint = { id: role, max: z.int(), tenants: tenants.exactOptional(), enforce: z.literal('reject') }
  const constraints = z.strictObject({
    apiVersion,
    kind: z.literal('Constraints'),
    metadata: named,
    constraints: z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({ ...constraint, type: z.literal('separation-of-duty'), permissions }),
          z.strictObject({ ...constraint, type: z.literal('max-roles-per-tenant') }),
        ]),
      )
      .max(CONSTRAINTS_MAX),
  })

  const policyTest = z.strictObject({
    apiVersion,
    kind: z.literal('PolicyTest'),
    metadata: z.strictObject({ name: text, owner: text.exactOptional() }),
    now: instant.exactOptional(),
    tenants: z.record(z.string(), z.strictObject({ attributes: attributes.default({}) })).default({}),
    people: z.record(
      z.string(),
      z.strictObject({
        roles: z.array(role).max(ROLES_MAX).default([]),
        grants: z
          .array(z.strictObject({ role, from: instant, until: instant.exactOptional() }))
          .max(ROLES_MAX)
          .default([]),
        attributes: attributes.default({}),
      }),
    ),
    tests: z
      .array(
        z.strictObject({
          name: text,
          person: z.string(),
          tenant: z.string().min(1).exactOptional(),
          now: instant.exactOptional(),
          roles: z.array(role).max(ROLES_MAX).exactOptional(),
          exactly: z.array(permission).max(POLICY_LIST_MAX).exactOptional(),
          breaks: z
            .array(role)
            .max(CONSTRAINTS_MAX)
            .exactOptional()
            .describe('Constraints that these roles break at this moment, all of them'),
          cases: z
            .array(
              z.strictObject({
                permission: z.string().describe('Full name or code'),
                resource: attributes.exactOptional(),
                expect: z.enum(['allow', 'deny']),
                reason: z.enum(EXPECTED_REASONS).exactOptional(),
              }),
            )
            .min(1)
            .max(POLICY_LIST_MAX)
            .exactOptional(),
        }),
      )
      .max(POLICY_LIST_MAX),
  })
  return { PermissionCatalogue: catalogue, RoleBundle: roleBundle, Constraints: constraints, PolicyTest: policyTest }
}

/** What `parse-policy.ts` reads with; names, conditions and durations are looked at by checks of their own. */
export const schemas = policySchemas(reading)
export type Kind = keyof typeof schemas
export const KINDS = Object.keys(schemas) as readonly Kind[]

export type CatalogueDocument = z.output<typeof schemas.PermissionCatalogue>
export type RoleBundleDocument = z.output<typeof schemas.RoleBundle>
export type ConstraintsDocument = z.output<typeof schemas.Constraints>
export type PolicyTestDocument = z.output<typeof schemas.PolicyTest>

/** JSON Schema (draft 2020-12) of a policy file, for editors: `# yaml-language-server: $schema=…/schema.json`. */
export function policySchemaJson(): string {
  const { PermissionCatalogue, RoleBundle, Constraints, PolicyTest } = policySchemas(describing)
  const file = z.discriminatedUnion('kind', [PermissionCatalogue, RoleBundle, Constraints, PolicyTest])
  const schema = z.toJSONSchema(file, { io: 'input', target: 'draft-2020-12' })
  return `${JSON.stringify({ title: 'Castellan policy file', ...schema }, null, 2)}\n`
}
