/** What a wire asks of the house, the same for both. Floor 5. */
import type { Log } from '../../ground/log.ts'
import type { Administration } from '../../model/administration.ts'
import type { DecisionPoint } from '../../model/decision.ts'
import type { PolicyReleases } from '../../model/policy-release.ts'
import type { Admission } from '../../wire/admission.ts'
import type { Authentication } from '../../wire/authentication.ts'
import { knownError } from '../../wire/error-table.ts'
import type { HttpServerNeeds } from '../../wire/http/server.ts'
import { logFault } from '../../wire/log-fault.ts'
import { administrationOperations } from './administration-operations.ts'
import { decisionOperations, type Operation } from './decision-operations.ts'
import { releaseOperations } from './release-operations.ts'
import type { Wire, WireMetrics } from './wire-metrics.ts'

export interface WireNeeds extends HttpServerNeeds {
  readonly decisions: DecisionPoint
  readonly administration: Administration
  readonly releases: PolicyReleases
  readonly authentication: Authentication
  readonly admission: Admission
  readonly log: Log
  readonly metrics: WireMetrics
}

export type Operations = ReturnType<typeof wireOperations>

/** Every operation with one answer by its gRPC name, counted for `wire`. */
export function wireOperations(wire: Wire, needs: WireNeeds) {
  return {
    ...decisionOperations({
      decisions: needs.decisions,
      decided: (decision) => needs.metrics.decided(wire, decision),
      itemFailed: (fault, call) => logFault(needs.log, knownError(fault), { wire, method: 'BatchCheck', requestId: call.requestId }),
    }),
    ...administrationOperations(needs.administration),
    ...releaseOperations(needs.releases),
  } satisfies Readonly<Record<string, Operation>>
}
export type OperationName = keyof Operations
