/** Caller keys: made once, shown once, stored as a hash, revoked. Floor 3. */
import { createHash } from 'node:crypto'
import type { CallerInput, CallerRotation, ChangeContext, Changed } from '../model/administration.ts'
import type { Caller, CallerRecord } from '../model/caller.ts'
import { CallerDeniedError, NotFoundError, RequestError, ServiceError } from '../model/error-code.ts'
import { CALLER_KEY_OVERLAP_MS } from '../model/identity-limits.ts'
import { type ChangeNeeds, changeBy, recordApplied, recordNoop } from './change.ts'
import { requireScope } from './guard.ts'

/** 256 bits, so that a key cannot be guessed and a plain SHA-256 of it cannot be inverted. */
const CALLER_KEY_BYTES = 32

export function hashCallerKey(key: string): Uint8Array {
  return createHash('sha256').update(key, 'utf8').digest()
}

/** @throws CallerDeniedError when the new caller would get a scope, a tenant or a time that its maker lacks */
export async function createCaller(
  needs: ChangeNeeds,
  context: ChangeContext,
  input: CallerInput,
): Promise<Changed<CallerRecord> & { readonly key: string }> {
  requireScope(context.caller, 'administer')
  const scopes = [...new Set(input.scopes)].sort()
  const tenants = input.tenants === undefined ? null : [...new Set(input.tenants)].sort()
  for (const scope of scopes) requireScope(context.caller, scope)
  requireTenantsWithin(context.caller, tenants)
  requireEndWithin(context.caller, input.expiresAtMs)
  const key = newKey(needs)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const expiresAtMs = input.expiresAtMs ?? null
    if (expiresAtMs !== null && expiresAtMs <= (await transaction.nowMs())) {
      throw new RequestError([{ field: 'expiresAt', message: 'must lie in the future' }])
    }
    const row = { id: needs.random.uuid(), name: input.name, scopes, tenants, expiresAtMs }
    const record = await transaction.insertCaller(row, hashCallerKey(key))
    const audited = { action: 'caller.create', target: record.id, before: null, after: record } as const
    const position = await recordApplied(change, audited, [{ kind: 'caller', caller: record.id }])
    return { record, changed: true, position, key }
  })
}

/**
 * Gives a caller a second key. The one it has is good for `overlapMs` more, so that a service changes over without a gap; one that was on its way
 * out before ends now: two live at most.
 * @throws CallerDeniedError when the caller has a scope, a tenant or a time that whoever rotates lacks: the key is handed to them
 * @throws ServiceError `conflict` when it is revoked or over
 */
export async function rotateCaller(
  needs: ChangeNeeds,
  context: ChangeContext,
  { callerId, overlapMs = CALLER_KEY_OVERLAP_MS }: CallerRotation,
): Promise<Changed<CallerRecord> & { readonly key: string; readonly previousKeyUntilMs: number }> {
  requireScope(context.caller, 'administer')
  const key = newKey(needs)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const record = await transaction.findCaller(callerId)
    if (record === undefined) throw new NotFoundError('There is no caller of this id.')
    for (const scope of record.scopes) requireScope(context.caller, scope)
    requireTenantsWithin(context.caller, record.tenants)
    requireEndWithin(context.caller, record.expiresAtMs ?? undefined)
    const nowMs = await transaction.nowMs()
    if (record.revokedAtMs !== null || (record.expiresAtMs !== null && record.expiresAtMs <= nowMs))
      throw new ServiceError('conflict', 'The caller is revoked or over.', { hint: 'Make a new one with `castellan caller create`.' })
    await transaction.identity.rotateCallerKey(callerId, hashCallerKey(key), overlapMs)
    const previousKeyUntilMs = nowMs + overlapMs
    const after = { ...record, previousKeyUntilMs }
    const position = await recordApplied(change, { action: 'caller.rotate', target: callerId, before: record, after }, [
      { kind: 'caller', caller: callerId },
    ])
    return { record, changed: true, position, key, previousKeyUntilMs }
  })
}

export async function revokeCaller(needs: ChangeNeeds, context: ChangeContext, callerId: string): Promise<Changed<CallerRecord>> {
  requireScope(context.caller, 'administer')
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const before = await transaction.findCaller(callerId)
    if (before === undefined) throw new NotFoundError('There is no caller of this id.')
    requireTenantsWithin(context.caller, before.tenants)
    const audited = { action: 'caller.revoke', target: callerId, before } as const
    if (before.revokedAtMs !== null) {
      return { record: before, changed: false, position: await recordNoop(change, { ...audited, after: before }) }
    }
    const record = (await transaction.revokeCaller(callerId)) ?? before
    const position = await recordApplied(change, { ...audited, after: record }, [{ kind: 'caller', caller: callerId }])
    return { record, changed: true, position }
  })
}

function newKey(needs: Pick<ChangeNeeds, 'random'>): string {
  return `cst_${Buffer.from(needs.random.bytes(CALLER_KEY_BYTES)).toString('base64url')}`
}

/** Otherwise a key given for a day, one that is being replaced, or a token of ten minutes could make itself a key for ever. */
function requireEndWithin(caller: Caller, expiresAtMs: number | undefined): void {
  const endMs = caller.expiresAtMs ?? null
  if (endMs === null || (expiresAtMs !== undefined && expiresAtMs <= endMs)) return
  throw new CallerDeniedError(
    `The caller ends at ${new Date(endMs).toISOString()} and can make none that ends later.`,
    'Give an earlier expiresAt.',
  )
}

function requireTenantsWithin(caller: Caller, tenants: readonly string[] | null): void {
  if (caller.tenants === null || tenants?.every((tenant) => caller.tenants?.includes(tenant))) return
  throw new CallerDeniedError('The caller is limited to some tenants and can give or take no more than these.')
}
