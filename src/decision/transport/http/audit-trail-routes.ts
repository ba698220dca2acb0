/** The routes of the audit trail as a proof. Floor 5. */
import { emptySchema, pageSchema } from '../../translate/administration-requests.ts'
import { listAuditChainSchema } from '../../translate/audit-trail-requests.ts'
import { auditChain, auditCheckpoints, auditHeads } from './audit-trail-schemas.ts'
import type { Route } from './route.ts'

export const AUDIT_TRAIL_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/audit/chain',
    operation: 'ListAuditChain',
    summary: 'Audit records with their hashes, by chain and sequence; those without a chain first. All tenants.',
    scopes: ['audit'],
    request: listAuditChainSchema,
    response: auditChain,
  },
  {
    method: 'GET',
    path: '/v1/audit/heads',
    operation: 'ListAuditHeads',
    summary: 'How far each chain of audit records has come.',
    scopes: ['audit'],
    request: emptySchema,
    response: auditHeads,
  },
  {
    method: 'GET',
    path: '/v1/audit/checkpoints',
    operation: 'ListAuditCheckpoints',
    summary: 'Signed statements of how far the chains were, oldest first.',
    scopes: ['audit'],
    request: pageSchema,
    response: auditCheckpoints,
  },
]
