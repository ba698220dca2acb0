/** The shapes of recorded decisions in HTTP answers, for the API description; tests hold real answers against them. Floor 5. */
import { z } from 'zod'
import { instant, object, position, tenantId, userId, uuid } from './answer-schemas.ts'
import { EXAMPLE_REVISION } from './examples.ts'

export const decisionRecord = z.strictObject({
  id: uuid.meta({ description: 'The decision id that the answer carried.' }),
  at: instant.meta({ description: 'On the wall clock of the replica.' }),
  replica: z.string(),
  method: z.enum(['Check', 'BatchCheck', 'CheckPermissions', 'Explain']),
  wire: z.enum(['grpc', 'http']),
  requestId: z.string(),
  trace: z.string().exactOptional(),
  span: z.string().exactOptional(),
  caller: z.strictObject({ id: z.string(), name: z.string() }),
  user: userId.exactOptional(),
  tenant: tenantId.exactOptional(),
  permission: z.string().exactOptional().meta({ description: 'Full name where it is known, else as asked; absent for CheckPermissions.' }),
  code: z.string().exactOptional(),
  risk: z.string().exactOptional(),
  resource: z
    .strictObject({ type: z.string().exactOptional(), id: z.string().exactOptional(), attributes: object.exactOptional() })
    .exactOptional(),
  allowed: z.boolean().meta({ description: 'Of CheckPermissions: whether all were allowed.' }),
  reason: z
    .string()
    .exactOptional()
    .meta({ description: 'Stable, upper snake case. New ones may be added.', examples: ['ROLE'] }),
  permissions: z
    .array(z.strictObject({ permission: z.string(), code: z.string().exactOptional(), allowed: z.boolean() }))
    .exactOptional()
    .meta({ description: 'CheckPermissions: each name with its answer, in order.' }),
  via: z.array(z.string()).meta({ description: 'Roles that allowed.' }),
  assignments: z.array(z.string()).meta({ description: 'Ids of the assignments that decided.' }),
  roles: z.array(z.string()).meta({ description: 'Roles in force.' }),
  policyRevision: z.string().meta({ examples: [EXAMPLE_REVISION] }),
  position,
  level: z
    .string()
    .exactOptional()
    .meta({ description: 'Where the state was found: memory, redis or store; absent: nothing was looked up.' }),
  durationMs: z.number(),
  sampled: z.number().meta({ description: 'Share of such decisions that is kept.', examples: [1] }),
})
