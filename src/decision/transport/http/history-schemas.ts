/** The shapes of answers to auditors over HTTP, for the API description; tests hold real answers against them. Floor 5. */
import { z } from 'zod'
import { assignmentList, instant, page, tenantId } from './answer-schemas.ts'
import { decisionRecord } from './decision-record-schemas.ts'
import { EXAMPLE_REVISION } from './examples.ts'

export const expiringAssignments = assignmentList
export const decisionList = z.strictObject({ decisions: z.array(decisionRecord), ...page })
export const oneDecision = z.strictObject({ decision: decisionRecord })
export const roleUse = z.strictObject({
  role: z.string(),
  tenant: tenantId.exactOptional(),
  policyRevision: z.string().meta({ examples: [EXAMPLE_REVISION] }),
  from: instant,
  until: instant,
  knownFrom: instant
    .exactOptional()
    .meta({ description: 'Since when the log counts, when that is later than `from`: before it nothing is known.' }),
  sampled: z.number().meta({
    description:
      'The smallest share of allowed decisions that a replica kept, 0 where none said: below 1 an unused permission may be a used one.',
    examples: [1],
  }),
  lost: z.int().meta({ description: 'Decisions that the log lost in that time, in all tenants.' }),
  permissions: z
    .array(z.strictObject({ permission: z.string(), code: z.string(), uses: z.int(), lastUsed: instant.exactOptional() }))
    .meta({ description: 'Every permission of the role, sorted.' }),
})
