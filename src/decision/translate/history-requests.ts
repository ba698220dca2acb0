/** Requests of auditors: plain objects of either wire → the model's questions. Whether a caller may ask is not asked here. Floor 5. */
import { z } from 'zod'
import type { RoleUseQuestion } from '../../model/access-history.ts'
import type { PageInput } from '../../model/administration.ts'
import type { DecisionFilter } from '../../model/decision-record.ts'
import { EXPIRING_WITHIN_MS_MAX, ROLE_USE_DAYS_DEFAULT, ROLE_USE_DAYS_MAX } from '../../model/observation-limits.ts'
import { idSchema, instantSchema, pageFields, roleSchema } from '../../wire/scalars.ts'
import { parseWith } from '../../wire/violations.ts'
import { pageOf } from './administration-requests.ts'
import { decisionFilterFields, decisionFilterOf } from './decision-filter.ts'

type Plain = Readonly<Record<string, unknown>>

/** A whole number from 1 on, or its decimal digits, as a query has them. */
function countSchema(max: number) {
  const message = `must be a whole number from 1 to ${max}`
  return z
    .union([z.number(), z.string()], { error: (issue) => (issue.input === undefined ? 'is required' : message) })
    .transform((value, context) => {
      const count = typeof value === 'string' && /^[1-9]\d{0,9}$/.test(value) ? Number(value) : value
      if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= max) return count
      context.issues.push({ code: 'custom', message, input: value })
      return z.NEVER
    })
}

export const listExpiringSchema = z.strictObject({
  tenant: idSchema.exactOptional().meta({ description: 'Absent: all that the caller may see.' }),
  withinSeconds: countSchema(EXPIRING_WITHIN_MS_MAX / 1_000).meta({
    description: `Seconds from now; at most ${EXPIRING_WITHIN_MS_MAX / 1_000}, which is a year.`,
  }),
  ...pageFields,
})
export function parseListExpiring(plain: Plain): {
  readonly filter: { readonly tenant?: string; readonly withinMs: number }
  readonly page: PageInput
} {
  const { tenant, withinSeconds, ...page } = parseWith(listExpiringSchema, plain)
  return { filter: { ...(tenant === undefined ? {} : { tenant }), withinMs: withinSeconds * 1_000 }, page: pageOf(page) }
}

export const roleUseSchema = z.strictObject({
  role: roleSchema,
  tenant: idSchema.exactOptional().meta({ description: 'Absent: all that the caller may see.' }),
  days: countSchema(ROLE_USE_DAYS_MAX)
    .exactOptional()
    .meta({ description: `Days back from now, 1 to ${ROLE_USE_DAYS_MAX}; absent: ${ROLE_USE_DAYS_DEFAULT}.` }),
})
export function parseRoleUse(plain: Plain): RoleUseQuestion {
  return { days: ROLE_USE_DAYS_DEFAULT, ...parseWith(roleUseSchema, plain) }
}

export const listDecisionsSchema = z.strictObject({
  ...decisionFilterFields,
  since: instantSchema.exactOptional(),
  until: instantSchema.exactOptional().meta({ description: 'RFC 3339 with an offset; up to just before it.' }),
  ...pageFields,
})
export function parseListDecisions(plain: Plain): { readonly filter: DecisionFilter; readonly page: PageInput } {
  const { since, until, pageSize, pageToken, ...fields } = parseWith(listDecisionsSchema, plain)
  const filter = {
    ...decisionFilterOf(fields),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
  }
  return {
    filter,
    page: pageOf({ ...(pageSize === undefined ? {} : { pageSize }), ...(pageToken === undefined ? {} : { pageToken }) }),
  }
}

export const getDecisionSchema = z.strictObject({ id: idSchema })
