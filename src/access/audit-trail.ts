/** The audit trail for verifiers, guarded. Floor 3. */
import type { AuditTrail } from '../model/audit-trail.ts'

export function openAuditTrail(): AuditTrail {
  const notYet = async (): Promise<never> => {
    throw new Error('not built yet')
  }
  return { listChained: notYet, listHeads: notYet, listCheckpoints: notYet }
}
