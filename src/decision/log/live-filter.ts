/** Which decisions a reader of the live stream gets: those it asked for, among those its caller may see. Pure. Floor 5. */
import type { Caller } from '../../model/caller.ts'
import type { DecisionRecord } from '../../model/decision-record.ts'
import type { LiveFilter } from '../../model/live-decisions.ts'

/** What is in no tenant is seen by callers of all tenants only. */
export function maySee(caller: Pick<Caller, 'tenants'>, { tenant }: Pick<DecisionRecord, 'tenant'>): boolean {
  return caller.tenants === null || (tenant !== undefined && caller.tenants.includes(tenant))
}

export function passes({ tenant, user, permission, caller, allowed, reason }: LiveFilter, record: DecisionRecord): boolean {
  if (tenant !== undefined && record.tenant !== tenant) return false
  if (user !== undefined && record.user !== user) return false
  if (caller !== undefined && record.caller.id !== caller) return false
  if (reason !== undefined && record.reason !== reason) return false
  if (permission === undefined) return allowed === undefined || record.allowed === allowed
  // One of several names is what somebody asks for who names it, so its own outcome counts.
  if (record.permissions === undefined) return names(record, permission) && (allowed === undefined || record.allowed === allowed)
  return record.permissions.some((one) => names(one, permission) && (allowed === undefined || one.allowed === allowed))
}

function names(one: { readonly permission?: string; readonly code?: string }, permission: string): boolean {
  return one.permission === permission || one.code === permission
}

/** A string's object and a number, an object's head and a field: what the engine takes for them, roughly and rather more. */
const VALUE_BYTES = 24
const OBJECT_BYTES = 64

/** About what a record takes in memory: cheaper than writing it out, and never much less than it is. */
export function recordBytes(record: DecisionRecord): number {
  return bytesOf(record)
}

// Recursion is safe here: attributes are bounded in depth when they come in.
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return VALUE_BYTES + 2 * value.length
  if (typeof value !== 'object' || value === null) return VALUE_BYTES
  let bytes = OBJECT_BYTES
  if (Array.isArray(value)) for (const item of value) bytes += bytesOf(item)
  else for (const name in value) bytes += VALUE_BYTES + bytesOf((value as Readonly<Record<string, unknown>>)[name])
  return bytes
}
