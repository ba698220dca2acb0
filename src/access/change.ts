/** What every audited change shares: its needs, its audit row, and the checks on its reason. Floor 3. */
import type { Random } from '../ground/random.ts'
import type { ChangeContext } from '../model/administration.ts'
import type { PolicySource } from '../model/compiled-policy.ts'
import { RequestError } from '../model/error-code.ts'
import type { AuditAction } from '../model/records.ts'
import type { ChangeTransaction, FeedChange, Store } from '../store/ports.ts'

export interface ChangeNeeds {
  readonly store: Store
  readonly policy: PolicySource
  readonly random: Random
  /** True: an assignment may only name users and tenants that were registered before. */
  readonly strictSubjects: boolean
}

export interface AuditedChange {
  readonly action: AuditAction
  readonly tenant?: string
  readonly user?: string
  readonly target?: string
  readonly before: unknown
  readonly after: unknown
}

/** Takes the feed position and writes the audit rows, in order: the last steps of every change that changed something. */
export async function recordApplied(
  transaction: ChangeTransaction,
  context: ChangeContext,
  changes: AuditedChange | readonly AuditedChange[],
  feed: readonly FeedChange[],
): Promise<number> {
  const position = await transaction.appendFeed(feed)
  for (const change of [changes].flat()) await appendAudit(transaction, context, change, 'applied', position)
  return position
}

/** It was so already: audited all the same, and the feed stands still. */
export async function recordNoop(transaction: ChangeTransaction, context: ChangeContext, change: AuditedChange): Promise<number> {
  const position = await transaction.readPosition()
  await appendAudit(transaction, context, change, 'noop', position)
  return position
}

async function appendAudit(
  transaction: ChangeTransaction,
  context: ChangeContext,
  change: AuditedChange,
  result: 'applied' | 'noop',
  position: number,
): Promise<void> {
  await transaction.appendAudit({
    action: change.action,
    result,
    actor: context.caller.id,
    actorName: context.caller.name,
    tenant: change.tenant ?? null,
    user: change.user ?? null,
    target: change.target ?? null,
    reason: context.reason ?? null,
    before: change.before,
    after: change.after,
    position,
    requestId: context.requestId ?? null,
  })
}

/** @throws RequestError: some changes are never made without saying why */
export function requireReason(context: ChangeContext): string {
  const reason = context.reason?.trim()
  if (reason === undefined || reason === '') throw new RequestError([{ field: 'reason', message: 'is required for this change' }])
  return reason
}
