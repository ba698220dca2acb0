/** The schemas of single fields, made once and used by every request of both wires. Floor 4. */
import { z } from 'zod'
import { parseInstantMs } from '../ground/instant.ts'
import { SCOPES } from '../model/caller.ts'
import { CALLER_KEY_OVERLAP_MS, CALLER_KEY_OVERLAP_MS_MAX, PRESENTED_TOKEN_CHARACTERS_MAX } from '../model/identity-limits.ts'
import { idFault } from '../model/ids.ts'
import {
  CALLER_TENANTS_MAX,
  ID_BYTES_MAX,
  PAGE_SIZE_DEFAULT,
  PAGE_SIZE_MAX,
  PAGE_TOKEN_CHARACTERS_MAX,
  STORED_ATTRIBUTES_BYTES_MAX,
  TEXT_CHARACTERS_MAX,
} from '../model/limits.ts'
import { AUDIT_ACTIONS } from '../model/records.ts'
import { attributesFault, textFault } from './attributes.ts'

/** A string held to `fault`, which says what is wrong or `undefined`. */
function text(fault: (value: string) => string | undefined) {
  return z.string().check((context) => {
    const message = fault(context.value)
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value })
  })
}

/** User, tenant and other ids: opaque and byte-exact. */
export const idSchema = text(idFault).meta({
  description: `Opaque, byte-exact, 1 to ${ID_BYTES_MAX} bytes, no control characters.`,
  examples: ['ann'],
})

/** Of a person. Whether it is good is an answer (`TOKEN_INVALID`), not a fault. */
export const accessTokenSchema = text((value) => {
  if (value.length === 0) return 'must not be empty'
  return value.length > PRESENTED_TOKEN_CHARACTERS_MAX ? `must be at most ${PRESENTED_TOKEN_CHARACTERS_MAX} characters` : undefined
}).meta({ description: 'Access token of a person, in place of `user` and `tenant`; beside `tenant` only when it is for none.' })

/** Name or code. Whether it exists is an answer (`UNKNOWN_PERMISSION`), not a fault. */
export const permissionSchema = text(idFault).meta({
  description: 'Full name or code of a permission.',
  examples: ['coding.medical-stay.read'],
})

const ROLE = /^[a-z][a-z0-9-]*$/
export const roleSchema = text((value) =>
  ROLE.test(value) && value.length <= ID_BYTES_MAX ? undefined : 'must be a role name: lower-case letters, digits and hyphens, no dot',
).meta({ description: 'Name of a role in the policy.', examples: ['coder'] })

/** Text that is stored and shown, such as a reason or a display name. */
export const storedTextSchema = text((value) => {
  if (value.length > TEXT_CHARACTERS_MAX) return `must be at most ${TEXT_CHARACTERS_MAX} characters`
  return textFault(value)
}).meta({ description: `Text of at most ${TEXT_CHARACTERS_MAX} characters.` })

export const nameSchema = text((value) => {
  if (value.length === 0) return 'must not be empty'
  if (value.length > ID_BYTES_MAX) return `must be at most ${ID_BYTES_MAX} characters`
  return textFault(value)
})

/** How long two keys of a caller are good at once. */
export const overlapSecondsSchema = z
  .int()
  .min(0)
  .max(CALLER_KEY_OVERLAP_MS_MAX / 1_000)
  .meta({
    description: `Seconds that the present key stays good beside the new one; absent: ${CALLER_KEY_OVERLAP_MS / 1_000}. 0 ends it at once.`,
  })

export const emailSchema = text((value) =>
  value.length <= 320 && /^[^\s@]+@[^\s@]+$/.test(value) && idFault(value) === undefined ? undefined : 'must be an e-mail address',
).meta({ examples: ['ann@hospital.example'] })

/** Attributes of a resource: bounded JSON. */
export const resourceSchema = attributes(undefined).meta({
  description: 'Attributes for conditions, plus optional `id` and `type`.',
  examples: [{ facilityId: 'north' }],
})
/** Attributes of a user or tenant: bounded in bytes too, because they travel with every resolution. */
export const storedAttributesSchema = attributes(STORED_ATTRIBUTES_BYTES_MAX).meta({ description: 'Attributes that conditions may name.' })

function attributes(bytesMax: number | undefined) {
  return z.record(z.string(), z.unknown()).check((context) => {
    const fault = attributesFault(context.value)
    if (fault !== undefined) {
      const path = fault.at === '' ? [] : pathOf(fault.at)
      context.issues.push({ code: 'custom', message: fault.message, path, input: context.value })
    } else if (bytesMax !== undefined && Buffer.byteLength(JSON.stringify(context.value)) > bytesMax) {
      context.issues.push({ code: 'custom', message: `must be at most ${bytesMax} bytes of JSON`, input: context.value })
    }
  })
}

/** `.list[3].name` as steps; long names are cut, since they come back in an answer. */
function pathOf(at: string): PropertyKey[] {
  return at
    .slice(0, 200)
    .toWellFormed()
    .split(/\.|(\[\d+\])/)
    .filter((step) => step !== undefined && step !== '')
    .map((step) => (/^\[\d+\]$/.test(step) ? Number(step.slice(1, -1)) : step))
}

/** RFC 3339 with an offset → milliseconds since the epoch; finer parts of a second are cut off. */
export const instantSchema = z
  .string()
  .transform((value, context) => {
    const ms = parseInstantMs(value)
    if (ms !== undefined) return ms
    context.issues.push({ code: 'custom', message: 'must be an instant such as 2026-11-21T09:00:00Z', input: value })
    return z.NEVER
  })
  .meta({ description: 'RFC 3339 with an offset.', examples: ['2026-11-21T09:00:00Z'] })

const POSITION_MESSAGE = 'must be a whole number from 0 to 9007199254740991'
/** A feed position: a number, or its decimal digits. */
export const positionSchema = z
  .union([z.number(), z.string()], { error: (issue) => (issue.input === undefined ? 'is required' : POSITION_MESSAGE) })
  .transform((value, context) => {
    const position = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    if (typeof position === 'number' && Number.isSafeInteger(position) && position >= 0) return position
    context.issues.push({ code: 'custom', message: POSITION_MESSAGE, input: value })
    return z.NEVER
  })
  .meta({ description: 'Answer from this position or a later one, or fail with 503 and `position_not_reached`.', examples: [42] })

const PAGE_SIZE_MESSAGE = `must be a whole number from 1 to ${PAGE_SIZE_MAX}`
/** 0 is what proto3 says when nothing was said. */
const pageSizeSchema = z
  .union([z.number(), z.string()], { error: () => PAGE_SIZE_MESSAGE })
  .transform((value, context) => {
    const size = typeof value === 'string' && /^[1-9]\d{0,5}$/.test(value) ? Number(value) : value
    if (typeof size === 'number' && Number.isInteger(size) && size >= 1 && size <= PAGE_SIZE_MAX) return size
    context.issues.push({ code: 'custom', message: PAGE_SIZE_MESSAGE, input: value })
    return z.NEVER
  })
  .meta({ description: `1 to ${PAGE_SIZE_MAX}; absent: ${PAGE_SIZE_DEFAULT}.` })

const pageTokenSchema = text((value) => {
  if (value.length === 0 || value.length > PAGE_TOKEN_CHARACTERS_MAX) return `must be 1 to ${PAGE_TOKEN_CHARACTERS_MAX} characters`
  return textFault(value)
}).meta({ description: '`nextPageToken` of the page before.' })

/** The two fields of every list. */
export const pageFields = { pageSize: pageSizeSchema.exactOptional(), pageToken: pageTokenSchema.exactOptional() }

const FLAG_MESSAGE = 'must be true or false'
/** `true`, or how a query string says it. */
export const flagSchema = z
  .union([z.boolean(), z.enum(['true', 'false'])], { error: () => FLAG_MESSAGE })
  .transform((value) => value === true || value === 'true')

const WAIT_DESCRIPTION =
  'Absent or true: answered when no replica can answer from before the change. False: answered as soon as it is stored, with `effective: false`.'
/** Whether a change is answered only when it is in force on every replica; `waitParameterSchema` is how a query says it. */
export const waitSchema = z.boolean({ error: () => FLAG_MESSAGE }).meta({ description: WAIT_DESCRIPTION })
export const waitParameterSchema = flagSchema.meta({ description: WAIT_DESCRIPTION })

export const scopesSchema = z
  .array(z.enum(SCOPES))
  .min(1)
  .max(SCOPES.length)
  .check((context) => {
    if (new Set(context.value).size !== context.value.length) {
      context.issues.push({ code: 'custom', message: 'must not name a scope twice', input: context.value })
    }
  })

export const callerTenantsSchema = z
  .array(idSchema)
  .min(1, { error: () => 'must name at least one tenant; leave it out for all tenants' })
  .max(CALLER_TENANTS_MAX)

export const auditActionSchema = z.enum(AUDIT_ACTIONS)
