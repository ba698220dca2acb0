/** The shapes of HTTP answers, for the API description; tests hold real answers against them. Floor 5. */
import { z } from 'zod'
import { EXAMPLE_INSTANT, EXAMPLE_TENANT, EXAMPLE_UUID } from './examples.ts'

export const instant = z.string().meta({ format: 'date-time', examples: [EXAMPLE_INSTANT] })
export const uuid = z.string().meta({ examples: [EXAMPLE_UUID] })
export const tenantId = z.string().meta({ examples: [EXAMPLE_TENANT] })
export const userId = z.string().meta({ examples: ['ann'] })
export const position = z.int().meta({
  description: 'Position in the order of all access changes: pass it as `minPosition` to be answered from it or a later one.',
  examples: [42],
})
export const object = z.record(z.string(), z.unknown())
export const page = { nextPageToken: z.string().exactOptional() }
const effective = z.boolean().meta({
  description: 'true: in force on every replica. false: not waited for; pass `position` as `minPosition` to ask past the change.',
  examples: [true],
})
const NOT_WAITED_FOR = 'false: not waited for; for one second at most a replica may'
const change = { changed: z.boolean().meta({ description: 'false: it was so already.' }), position, effective }
const policyRevision = z.string()

export const decision = z.strictObject({
  allowed: z.boolean(),
  reason: z.string().meta({ description: 'Stable, upper snake case. New ones may be added.', examples: ['ROLE'] }),
  decisionId: z.string(),
  policyRevision,
  position,
  via: z.array(z.string()).meta({ description: 'Roles that allow.' }),
  validUntil: instant.exactOptional(),
  expiredAt: instant.exactOptional(),
  validFrom: instant.exactOptional(),
  hint: z.string().exactOptional(),
})

const violations = z.array(z.strictObject({ field: z.string(), message: z.string() }))
const itemError = z.strictObject({
  code: z.string(),
  detail: z.string(),
  hint: z.string().exactOptional(),
  violations: violations.exactOptional(),
})

export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().exactOptional(),
  violations: violations.exactOptional(),
  requestId: z.string(),
})

export const batch = z.strictObject({
  items: z
    .array(z.union([z.strictObject({ decision }), z.strictObject({ error: itemError })]))
    .meta({ description: 'In the order of the request.' }),
})
export const permissions = z.strictObject({
  allowed: z.array(z.boolean()).meta({ description: 'In the order of the request.' }),
  denied: z
    .string()
    .exactOptional()
    .meta({ description: 'Why nothing is allowed, when the token, the account, the tenant or the user alone decide it.' }),
  decisionId: z.string(),
  policyRevision,
  position,
})

export const permissionList = z.strictObject({
  permissions: z.array(z.strictObject({ permission: z.string(), code: z.string(), conditional: z.boolean(), via: z.array(z.string()) })),
  denied: z.string().exactOptional(),
  policyRevision,
  position,
})
export const holderList = z.strictObject({
  users: z.array(z.strictObject({ user: userId, conditional: z.boolean(), via: z.array(z.string()) })),
  ...page,
  policyRevision,
  position,
})
export const explanation = z.strictObject({
  decision,
  permission: z.string().exactOptional(),
  code: z.string().exactOptional(),
  tenantState: z.string(),
  accountState: z.string(),
  tried: z.array(
    z.strictObject({
      assignmentId: uuid,
      role: z.string(),
      window: z.string(),
      validFrom: instant,
      expiresAt: instant.exactOptional(),
      outcome: z.string(),
      failedAt: z.string().exactOptional(),
      conditionReason: z.string().exactOptional(),
    }),
  ),
  wouldAllowWith: z.array(z.string()).exactOptional(),
})

export const tenant = z.strictObject({
  id: tenantId,
  displayName: z.string().exactOptional(),
  state: z.enum(['active', 'suspended']),
  attributes: object,
  createdAt: instant,
})
export const user = z.strictObject({
  id: userId,
  email: z.string().exactOptional(),
  displayName: z.string().exactOptional(),
  attributes: object,
  state: z.enum(['active', 'deactivated', 'invited']),
  stateReason: z.string().exactOptional(),
  epoch: z.int(),
  createdAt: instant,
})
export const assignment = z.strictObject({
  id: uuid,
  tenant: tenantId,
  user: userId,
  role: z.string(),
  validFrom: instant,
  expiresAt: instant.exactOptional(),
  reason: z.string().exactOptional(),
  createdAt: instant,
  createdBy: z.string(),
  revokedAt: instant.exactOptional(),
  revokedBy: z.string().exactOptional(),
})
export const caller = z.strictObject({
  id: uuid,
  name: z.string(),
  scopes: z.array(z.string()),
  tenants: z.array(tenantId).exactOptional(),
  createdAt: instant,
  expiresAt: instant.exactOptional(),
  revokedAt: instant.exactOptional(),
})
export const audit = z.strictObject({
  id: z.int(),
  at: instant,
  action: z.string(),
  result: z.enum(['applied', 'noop', 'refused']),
  actor: z.string(),
  actorName: z.string(),
  tenant: tenantId.exactOptional(),
  user: userId.exactOptional(),
  target: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  before: z.unknown().exactOptional(),
  after: z.unknown().exactOptional(),
  position: position.exactOptional(),
  requestId: z.string().exactOptional(),
})
export const revision = z.strictObject({
  revision: z.string(),
  createdAt: instant,
  source: z.string().meta({ description: 'The folder it was read from, or `published`.' }),
  activatedAt: instant.exactOptional(),
  author: z.string().exactOptional(),
  message: z.string().exactOptional(),
  sourceCommit: z.string().exactOptional(),
  publishedBy: z.string().exactOptional(),
})

export const oneTenant = z.strictObject({ tenant })
export const changedTenant = z.strictObject({ tenant, ...change })
export const tenantList = z.strictObject({ tenants: z.array(tenant), ...page })
export const oneUser = z.strictObject({ user })
export const changedUser = z.strictObject({ user, ...change })
export const reactivatedUser = z.strictObject({
  user,
  ...change,
  expiredMeanwhile: z.array(assignment),
  brokenConstraints: z
    .array(z.string())
    .meta({ description: 'Constraints of the policy that the roles in force now break, in any tenant.' }),
})
export const userList = z.strictObject({ users: z.array(user), ...page })
export const createdAssignment = z.strictObject({ id: uuid, assignment, ...change })
export const changedAssignment = z.strictObject({ assignment, ...change })
export const changedAssignments = z.strictObject({ assignments: z.array(assignment), ...change })
export const assignmentList = z.strictObject({ assignments: z.array(assignment), ...page })
export const createdCaller = z.strictObject({
  caller,
  key: z.string().meta({ description: 'Shown once.' }),
  position,
  effective: effective.meta({ description: `true: every replica knows the key. ${NOT_WAITED_FOR} not know it yet.` }),
})
export const rotatedCaller = z.strictObject({
  caller,
  key: z.string().meta({ description: 'Shown once.' }),
  previousKeyUntil: instant,
  position,
  effective: effective.meta({ description: `true: every replica knows the key. ${NOT_WAITED_FOR} not know it yet.` }),
})
export const changedCaller = z.strictObject({
  caller,
  ...change,
  effective: effective.meta({ description: `true: every replica refuses the key. ${NOT_WAITED_FOR} still take it.` }),
})
export const callerList = z.strictObject({ callers: z.array(caller), ...page })
export const auditList = z.strictObject({ entries: z.array(audit), ...page })
export const policy = z.strictObject({
  revision: z.string(),
  loadedAt: instant,
  source: z.enum(['directory', 'stored']),
  permissions: z.int(),
  roles: z.int(),
  faults: z.array(z.string()),
})
export const revisionList = z.strictObject({ revisions: z.array(revision), ...page })
