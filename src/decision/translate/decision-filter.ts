/** Which decisions somebody asks for: the fields that a list and a live stream take alike, and the filter that they mean. Floor 5. */
import { z } from 'zod'
import { REASONS } from '../../model/decision.ts'
import type { LiveFilter } from '../../model/live-decisions.ts'
import { idSchema, permissionSchema } from '../../wire/scalars.ts'

export const decisionFilterFields = {
  tenant: idSchema.exactOptional(),
  user: idSchema.exactOptional(),
  permission: permissionSchema.exactOptional(),
  caller: idSchema.exactOptional().meta({ description: 'Id of the caller that asked.' }),
  outcome: z.enum(['allow', 'deny']).exactOptional().meta({ description: 'Absent: both.' }),
  // A mistyped reason would look as if nothing happened.
  reason: z.enum(REASONS).exactOptional(),
}

interface FilterFields extends Omit<LiveFilter, 'allowed'> {
  readonly outcome?: 'allow' | 'deny'
}

export function decisionFilterOf({ outcome, ...filter }: FilterFields): LiveFilter {
  return outcome === undefined ? filter : { ...filter, allowed: outcome === 'allow' }
}
