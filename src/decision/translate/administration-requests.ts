/** Requests for administration: plain objects of either wire → the model's inputs. Whether a caller may is not asked here. Floor 5. */
import { z } from 'zod'
import type { PageInput } from '../../model/administration.ts'
import { PAGE_SIZE_DEFAULT } from '../../model/limits.ts'
import {
  auditActionSchema,
  callerTenantsSchema,
  emailSchema,
  flagSchema,
  idSchema,
  instantSchema,
  nameSchema,
  overlapSecondsSchema,
  pageFields,
  roleSchema,
  scopesSchema,
  storedAttributesSchema,
  storedTextSchema,
  waitParameterSchema,
  waitSchema,
} from '../../wire/scalars.ts'

const reason = storedTextSchema.exactOptional().meta({ description: 'Why; kept in the audit log.' })
/** Why, and whether the answer waits: with every change, in a body … */
const change = { reason, wait: waitSchema.exactOptional() }
/** … or in a query, which knows no booleans. */
const changeByQuery = { reason, wait: waitParameterSchema.exactOptional() }

export const tenantSchema = z.strictObject({ tenant: idSchema })
export const tenantChangeSchema = z.strictObject({ tenant: idSchema, ...change })
export const putTenantSchema = z.strictObject({
  tenant: idSchema,
  displayName: storedTextSchema.exactOptional(),
  attributes: storedAttributesSchema.exactOptional(),
  ...change,
})
export const userSchema = z.strictObject({ user: idSchema })
/** The reason's presence is the rule of administration, which says so itself. */
export const userChangeSchema = z.strictObject({ user: idSchema, ...change })
export const putUserSchema = z.strictObject({
  user: idSchema,
  email: emailSchema.exactOptional(),
  displayName: storedTextSchema.exactOptional(),
  attributes: storedAttributesSchema.exactOptional(),
  ...change,
})
export const createAssignmentSchema = z.strictObject({
  tenant: idSchema,
  user: idSchema,
  role: roleSchema,
  validFrom: instantSchema.exactOptional(),
  expiresAt: instantSchema.exactOptional(),
  ...change,
})
export const revokeAssignmentSchema = z.strictObject({ tenant: idSchema, user: idSchema, id: idSchema, ...changeByQuery })
export const revokeRoleSchema = z.strictObject({ tenant: idSchema, user: idSchema, role: roleSchema, ...changeByQuery })
export const listAssignmentsSchema = z.strictObject({
  tenant: idSchema,
  user: idSchema,
  history: flagSchema.exactOptional(),
  ...pageFields,
})
export const createCallerSchema = z.strictObject({
  name: nameSchema,
  scopes: scopesSchema,
  tenants: callerTenantsSchema.exactOptional().meta({ description: 'Absent: all tenants.' }),
  expiresAt: instantSchema.exactOptional(),
  ...change,
})
export const rotateCallerSchema = z.strictObject({
  id: idSchema,
  overlapSeconds: overlapSecondsSchema.exactOptional(),
  ...change,
})
export const revokeCallerSchema = z.strictObject({ id: idSchema, ...changeByQuery })
export const listAuditSchema = z.strictObject({
  tenant: idSchema.exactOptional(),
  user: idSchema.exactOptional(),
  actor: idSchema.exactOptional(),
  action: auditActionSchema.exactOptional(),
  since: instantSchema.exactOptional(),
  until: instantSchema.exactOptional(),
  ...pageFields,
})
export const pageSchema = z.strictObject(pageFields)
export const emptySchema = z.strictObject({})

/** The page of a list, with the default size where none was named. */
export function pageOf(input: { readonly pageSize?: number; readonly pageToken?: string }): PageInput {
  return {
    pageSize: input.pageSize ?? PAGE_SIZE_DEFAULT,
    ...(input.pageToken === undefined ? {} : { pageToken: input.pageToken }),
  }
}
