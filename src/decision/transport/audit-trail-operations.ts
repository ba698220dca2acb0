/** The audit trail as a proof, as both wires can carry it. Scopes are guarded inside AuditTrail, which no wire can pass by. Floor 5. */
import type { AuditTrail } from '../../model/audit-trail.ts'
import type { Operation } from './decision-operations.ts'

export function auditTrailOperations(_trail: AuditTrail) {
  return {} satisfies Readonly<Record<string, Operation>>
}
