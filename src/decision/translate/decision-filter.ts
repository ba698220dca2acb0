/** Which decisions somebody asks for: the fields that a list and a live stream take alike, and the filter that they mean. Floor 5. */
import { z } from 'zod'
import type { Reason } from '../../model/decision.ts'
import type { LiveFilter } from '../../model/live-decisions.ts'
import { idSchema, permissionSchema } from '../../wire/scalars.ts'

const REASONS = {
  ROLE: true,
  TEMPORARY_GRANT: true,
  UNKNOWN_PERMISSION: true,
  UNKNOWN_TENANT: true,
  UNKNOWN_USER: true,
  TENANT_SUSPENDED: true,
  ACCOUNT_DEACTIVATED: true,
  TOKEN_INVALID: true,
  TOKEN_EXPIRED: true,
  TOKEN_REVOKED: true,
  PERMISSION_DISABLED: true,
  NO_ASSIGNMENT: true,
  ROLE_LACKS_PERMISSION: true,
  ASSIGNMENT_EXPIRED: true,
  NOT_YET_VALID: true,
  RESOURCE_REQUIRED: true,
  ATTRIBUTE_MISSING: true,
  CONDITION_FAILED: true,
  VARIABLE_UNSET: true,
} as const satisfies Record<Reason, true>

export const decisionFilterFields = {
  tenant: idSchema.exactOptional(),
  user: idSchema.exactOptional(),
  permission: permissionSchema.exactOptional(),
  caller: idSchema.exactOptional().meta({ description: 'Id of the caller that asked.' }),
  outcome: z.enum(['allow', 'deny']).exactOptional().meta({ description: 'Absent: both.' }),
  // A mistyped reason would look as if nothing happened.
  reason: z.enum(Object.keys(REASONS) as Reason[]).exactOptional(),
}

interface FilterFields extends Omit<LiveFilter, 'allowed'> {
  readonly outcome?: 'allow' | 'deny'
}

export function decisionFilterOf({ outcome, ...filter }: FilterFields): LiveFilter {
  return outcome === undefined ? filter : { ...filter, allowed: outcome === 'allow' }
}
