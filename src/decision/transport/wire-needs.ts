/** What a wire asks of the house, the same for both. Floor 4. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import type { Administration } from '../../model/administration.ts'
import type { DecisionPoint } from '../../model/decision.ts'
import type { Admission } from '../admission.ts'
import type { Authentication } from '../authentication.ts'
import { type KnownError, knownError } from '../error-table.ts'
import { administrationOperations } from './administration-operations.ts'
import { decisionOperations, type Operation } from './decision-operations.ts'
import type { Wire, WireMetrics } from './wire-metrics.ts'

export interface TlsFiles {
  readonly cert: Buffer | string
  readonly key: Buffer | string
  /** With it, only clients that show a certificate of this authority are served. */
  readonly clientCa?: Buffer | string
}

export interface WireNeeds {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly decisions: DecisionPoint
  readonly administration: Administration
  readonly authentication: Authentication
  readonly admission: Admission
  readonly log: Log
  readonly metrics: WireMetrics
  readonly clock: Clock
  readonly random: Random
  readonly tls?: TlsFiles
  /** Age at which a connection is asked to leave, in milliseconds. */
  readonly connectionAgeMs?: number
}

export type Operations = ReturnType<typeof wireOperations>

/** Every operation by its gRPC name, counted for `wire`. */
export function wireOperations(wire: Wire, needs: WireNeeds) {
  return {
    ...decisionOperations({
      decisions: needs.decisions,
      decided: (decision) => needs.metrics.decided(wire, decision),
      itemFailed: (fault, call) => logFault(needs.log, knownError(fault), { wire, method: 'BatchCheck', requestId: call.requestId }),
    }),
    ...administrationOperations(needs.administration),
  } satisfies Readonly<Record<string, Operation>>
}
export type OperationName = keyof Operations

/** Logs what an operator has to know: faults of ours with their cause, a store that fails; never a caller's mistakes. */
export function logFault(
  log: Log,
  known: KnownError,
  where: { readonly wire: Wire; readonly method: string; readonly requestId: string },
): void {
  if (known.unexpected) log.error({ ...where, err: known.error.cause ?? known.error }, 'unexpected fault')
  else if (known.code === 'store_unavailable')
    log.warn({ ...where, err: known.error, cause: String(known.error.cause ?? '') }, 'store unavailable')
}

/** Short enough to log, of characters no log or header can stumble over. */
const REQUEST_ID = /^[A-Za-z0-9._~:/+=@-]{1,128}$/

/** The caller's id for this request when it is fit to be echoed, otherwise a new one. */
export function requestIdOf(given: string | undefined, random: Random): string {
  return given !== undefined && REQUEST_ID.test(given) ? given : random.uuid()
}
