/** Audit rows of the identity service, in the transaction of what they tell. Holds no secret: ids, reasons and numbers only. Floor 5. */
import type { Caller } from '../model/caller.ts'
import type { AuditAction, AuditRecord } from '../model/records.ts'
import type { ChangeTransaction } from '../store/ports.ts'

/** Who acts where a person acts upon themselves. Without scopes: what administrators do is done as these. */
export const IDENTITY_CALLER: Caller = { id: 'identity', name: 'identity', scopes: [], tenants: null, builtIn: true }

export interface IdentityEvent {
  readonly action: AuditAction
  readonly result: AuditRecord['result']
  readonly user: string | null
  /** Id of the session, challenge or key. */
  readonly target: string | null
  readonly tenant?: string | null
  /** In a few words of ours, never of the request. */
  readonly reason?: string
  readonly before?: unknown
  readonly after?: unknown
  /** Absent: the event takes no feed position. */
  readonly position?: number
  readonly requestId: string
}

export async function auditEvent(transaction: Pick<ChangeTransaction, 'appendAudit'>, event: IdentityEvent): Promise<void> {
  await transaction.appendAudit({
    action: event.action,
    result: event.result,
    actor: IDENTITY_CALLER.id,
    actorName: IDENTITY_CALLER.name,
    tenant: event.tenant ?? null,
    user: event.user,
    target: event.target,
    reason: event.reason ?? null,
    before: event.before ?? null,
    after: event.after ?? null,
    position: event.position ?? null,
    requestId: event.requestId,
  })
}
