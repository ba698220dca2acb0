/** What a wire asks of the house, the same for both. Floor 5. */
import type { Replication } from '../../access/replication.ts'
import type { Log } from '../../ground/log.ts'
import type { AccessHistory, DecisionLogReader } from '../../model/access-history.ts'
import type { Administration } from '../../model/administration.ts'
import type { AuditTrail } from '../../model/audit-trail.ts'
import type { DecisionPoint } from '../../model/decision.ts'
import type { DecisionObserver } from '../../model/decision-record.ts'
import type { LiveDecisions } from '../../model/live-decisions.ts'
import type { PolicyReleases } from '../../model/policy-release.ts'
import type { Admission } from '../../wire/admission.ts'
import type { Authentication } from '../../wire/authentication.ts'
import type { CallSpans } from '../../wire/call-spans.ts'
import { knownError } from '../../wire/error-table.ts'
import type { HttpServerNeeds } from '../../wire/http/server.ts'
import { logFault } from '../../wire/log-fault.ts'
import { administrationOperations } from './administration-operations.ts'
import { auditTrailOperations } from './audit-trail-operations.ts'
import { decisionOperations, type Operation } from './decision-operations.ts'
import { historyOperations } from './history-operations.ts'
import { type QuickDecisionNeeds, type QuickDecisions, quickDecisions } from './quick-decisions.ts'
import { releaseOperations } from './release-operations.ts'
import type { WireMetrics } from './wire-metrics.ts'

export interface WireNeeds extends HttpServerNeeds {
  readonly decisions: DecisionPoint
  readonly administration: Administration
  readonly releases: PolicyReleases
  readonly authentication: Authentication
  readonly admission: Admission
  readonly log: Log
  readonly metrics: WireMetrics
  readonly observer: DecisionObserver
  /** Absent: nothing is traced. */
  readonly spans?: CallSpans | undefined
  readonly auditTrail: AuditTrail
  readonly history: AccessHistory
  readonly decisionLog: DecisionLogReader
  readonly live: LiveDecisions
  readonly replication: Replication
}

export type Operations = ReturnType<typeof wireOperations>

/** Where traces are made every question has a span of its own, and none of them is quick. */
export function wireQuickDecisions(wire: 'grpc' | 'http', needs: WireNeeds): QuickDecisions | undefined {
  return needs.spans === undefined ? quickDecisions({ ...needs, ...telling(wire, needs) }) : undefined
}

function telling(wire: 'grpc' | 'http', needs: WireNeeds): Pick<QuickDecisionNeeds, 'decided' | 'batchDecided'> {
  const { clock, observer, log } = needs
  return {
    decided(decision, method, { caller, requestId, trace, receivedMs }) {
      const elapsedMs = clock.monotonicMs() - receivedMs
      observer.decided({ decision, method, wire, caller, requestId, trace, atMs: clock.nowMs(), elapsedMs })
    },
    batchDecided(results, { caller, requestId, trace, receivedMs }) {
      const [atMs, elapsedMs] = [clock.nowMs(), clock.monotonicMs() - receivedMs]
      for (const decision of results)
        if (decision instanceof Error) logFault(log, knownError(decision), { wire, method: 'BatchCheck', requestId })
        else observer.decided({ decision, method: 'BatchCheck', wire, caller, requestId, trace, atMs, elapsedMs })
    },
  }
}

/** Every operation with one answer by its gRPC name, counted for `wire`. */
export function wireOperations(wire: 'grpc' | 'http', needs: WireNeeds) {
  return {
    ...decisionOperations({ decisions: needs.decisions, history: needs.history, ...telling(wire, needs) }),
    ...administrationOperations(needs.administration),
    ...releaseOperations(needs.releases),
    ...auditTrailOperations(needs.auditTrail),
    ...historyOperations(needs.history, needs.decisionLog),
  } satisfies Readonly<Record<string, Operation>>
}
export type OperationName = keyof Operations
