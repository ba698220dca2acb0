/** The audit trail as a proof, as both wires can carry it. Scopes are guarded inside AuditTrail, which no wire can pass by. Floor 5. */
import type { AuditTrail } from '../../model/audit-trail.ts'
import { parseWith } from '../../wire/violations.ts'
import { pageMessage } from '../translate/administration-answers.ts'
import { emptySchema, pageOf, pageSchema } from '../translate/administration-requests.ts'
import { chainedMessage, checkpointMessage, headMessage } from '../translate/audit-trail-answers.ts'
import { listAuditChainSchema, placeOf } from '../translate/audit-trail-requests.ts'
import type { Operation } from './decision-operations.ts'

export function auditTrailOperations(trail: AuditTrail) {
  return {
    async ListAuditChain(plain, call, form) {
      const input = parseWith(listAuditChainSchema, plain)
      const page = await trail.listChained(call.caller, pageOf(input), placeOf(input))
      return pageMessage('entries', page, (chained) => chainedMessage(chained, form))
    },
    async ListAuditHeads(plain, call) {
      parseWith(emptySchema, plain)
      const [heads, chains] = await Promise.all([trail.listHeads(call.caller), trail.listChains(call.caller)])
      return { heads: heads.map(headMessage), chains }
    },
    async ListAuditCheckpoints(plain, call, form) {
      const page = await trail.listCheckpoints(call.caller, pageOf(parseWith(pageSchema, plain)))
      return pageMessage('checkpoints', page, (checkpoint) => checkpointMessage(checkpoint, form))
    },
  } satisfies Readonly<Record<string, Operation>>
}
