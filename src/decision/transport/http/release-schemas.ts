/** The shapes of HTTP answers on policies on their way into force, for the API description; tests hold real answers against them. Floor 5. */
import { z } from 'zod'
import { instant, object, page, position, revision, tenantId, userId, uuid } from './answer-schemas.ts'
import { EXAMPLE_REVISION } from './examples.ts'

const hash = z.string().meta({ description: 'SHA-256 of the canonical policy.', examples: [EXAMPLE_REVISION] })
const count = z.int()

export const published = z.strictObject({
  revision,
  changed: z.boolean().meta({ description: 'false: this content was published before.' }),
  position,
  warnings: z.array(z.string()),
})
export const revisionWithBundle = z.strictObject({
  revision,
  bundle: object.meta({ description: 'All permissions, roles and constraints, expanded.' }),
})
export const scheduled = z.strictObject({
  id: uuid,
  revision: hash,
  activateAt: instant,
  state: z.enum(['waiting', 'done', 'cancelled', 'missed', 'refused']),
  reason: z.string().exactOptional(),
  createdBy: z.string(),
  createdAt: instant,
})
export const oneScheduled = z.strictObject({ scheduled })
export const scheduledList = z.strictObject({ scheduled: z.array(scheduled) })
export const activation = z.strictObject({
  revision: hash.meta({ description: 'In force since `position`; for a time to come, what will be.' }),
  previousRevision: hash.exactOptional().meta({ description: 'In force until then; absent: none was, or nothing changed.' }),
  changed: z.boolean().meta({ description: 'false: it was so already.' }),
  position,
  effective: z.boolean().meta({
    description: 'true: every replica answers by it, or by a later one. Always false for a time to come.',
    examples: [true],
  }),
  scheduled: scheduled.exactOptional(),
  waiting: z.array(scheduled).meta({ description: 'All that still wait: one of them may end what was just begun.' }),
})
export const activationList = z.strictObject({
  activations: z.array(z.strictObject({ id: z.int(), revision: hash, activatedAt: instant, actor: z.string() })),
  ...page,
})
export const replicaList = z.strictObject({
  replicas: z.array(
    z.strictObject({
      id: uuid,
      startedAt: instant,
      seenAt: instant,
      position: position.exactOptional(),
      revision: hash.exactOptional(),
      revisionSince: instant.exactOptional().meta({ description: 'Since when this replica answers by it, on the database’s clock.' }),
      preparedRevision: hash.exactOptional(),
    }),
  ),
})
export const permissionIndex = z.strictObject({
  version: count.meta({ description: 'Entries of the index: what the claim of bits calls `pv`.' }),
  permissions: z.array(z.strictObject({ bit: count, name: z.string(), code: z.string() })),
})
export const liveRoles = z.strictObject({ roles: z.array(z.string()) })

const form = z.enum(['codes', 'bits', 'overage'])
export const budget = z.strictObject({
  revision: hash,
  charactersMax: count.meta({ description: 'Longest claim that travels, in characters.' }),
  combinations: count.meta({ description: 'Distinct sets of roles that somebody holds now.' }),
  pairs: z.strictObject({ codes: count, bits: count, overage: count }).meta({ description: 'Pairs of user and tenant by form.' }),
  worst: z
    .strictObject({
      ...{ user: userId.exactOptional(), tenant: tenantId, roles: z.array(z.string()), holders: count },
      ...{ permissions: count, form, characters: count, codeCharacters: count },
    })
    .exactOptional()
    .meta({ description: 'The largest by codes; absent: nobody holds anything.' }),
})

const counts = { gained: count, lost: count, widened: count, narrowed: count, changed: count }
const from = instant.exactOptional().meta({ description: 'First instant at which it is so; absent: at once.' })
const summary = z.strictObject({
  ...{ from: hash, to: hash, positionFirst: position, positionLast: position },
  ...{ pairs: count, pairsAffected: count, pairsDormant: count },
  effects: z.strictObject(counts).meta({ description: 'Of user, tenant and permission.' }),
  later: z.strictObject(counts).meta({ description: 'Those of them that are not so at once.' }),
  byRole: z.array(z.strictObject({ role: z.string(), pairs: count, ...counts })),
  byTenant: z.array(z.strictObject({ tenant: tenantId, pairs: count, ...counts })),
  tenantsLeftOut: count,
  byPermission: z.array(z.strictObject({ permission: z.string(), risk: z.enum(['low', 'normal', 'high']), ...counts })),
  breaches: z.array(z.strictObject({ constraint: z.string(), pairs: count })),
  rolesGone: z.array(z.strictObject({ role: z.string(), pairs: count })),
  tokens: z.strictObject({ codesToBits: count, toOverage: count, charactersBefore: count, charactersAfter: count }),
})
const effect = z.strictObject({
  permission: z.string(),
  kind: z.enum(['gained', 'lost', 'widened', 'narrowed', 'changed']),
  conditional: z.boolean(),
  from,
})
/** One line of a plan. */
export const planLine = z.discriminatedUnion('event', [
  z.strictObject({
    ...{ event: z.literal('begin'), from: hash, to: hash, diff: object },
    diffLeftOut: count.meta({ description: 'Entries and grants of the difference that are not in it; 0: it is whole.' }),
    ...{ changedRoles: z.array(z.string()), pairsMax: count },
  }),
  z.strictObject({
    event: z.literal('effects'),
    items: z.array(z.strictObject({ user: userId, tenant: tenantId, dormant: z.boolean(), effects: z.array(effect) })),
  }),
  z.strictObject({
    event: z.literal('breaches'),
    items: z.array(z.strictObject({ user: userId, tenant: tenantId, constraint: z.string(), message: z.string(), from })),
  }),
  z.strictObject({ event: z.literal('progress'), pairs: count, pairsMax: count }),
  z.strictObject({ event: z.literal('end'), summary }),
  z.strictObject({
    ...{ event: z.literal('error'), title: z.string(), code: z.string(), detail: z.string() },
    hint: z.string().exactOptional(),
    violations: z.array(z.strictObject({ field: z.string(), message: z.string() })).exactOptional(),
  }),
])
