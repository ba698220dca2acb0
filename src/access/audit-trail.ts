/** The audit trail for verifiers, guarded. Judges nothing (verify-audit.ts does). Floor 3. */
import type { AuditTrail } from '../model/audit-trail.ts'
import type { Caller } from '../model/caller.ts'
import type { Store } from '../store/ports.ts'
import { requireAllTenants, requireScope } from './guard.ts'

export function openAuditTrail({ auditTrail }: Pick<Store, 'auditTrail'>): AuditTrail {
  return {
    async listChained(caller, page, after) {
      requireVerifier(caller)
      return await auditTrail.listChained(page, after)
    },
    async listHeads(caller) {
      requireVerifier(caller)
      return await auditTrail.listHeads()
    },
    async listChains(caller) {
      requireVerifier(caller)
      return await auditTrail.listChains()
    },
    async listCheckpoints(caller, page) {
      requireVerifier(caller)
      return await auditTrail.listCheckpoints(page)
    },
  }
}

/** A chain cannot be verified with records left out. @throws CallerDeniedError */
function requireVerifier(caller: Caller): void {
  requireScope(caller, 'audit')
  requireAllTenants(caller, 'A chain of audit records spans')
}
