/** Joins what one process of the identity service is: a replica without policy files. Opens in order, closes in reverse. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { openWireMetrics } from '../decision/transport/wire-metrics.ts'
import { Lifecycle } from '../ground/lifecycle.ts'
import { openProbeServer } from '../wire/probes.ts'
import type { IdentityPlan } from './identity-plan.ts'
import { listening } from './listen.ts'
import { closeAll, drainAll, type FoundationPlan, openFoundation, type ServiceNeeds } from './open-foundation.ts'
import { openIdentity } from './open-identity.ts'
import { openIdentityWire } from './open-identity-wire.ts'
import type { Address } from './service-plan.ts'

export interface IdentityProcessPlan extends FoundationPlan {
  readonly identity: IdentityPlan
  readonly probes: Address
  /** How long to answer on after reporting not ready. */
  readonly settleMs: number
}

export interface IdentityProcess {
  readonly ports: { readonly http: number; readonly probes: number }
  readonly replicaId: string
  readonly issuer: string
  ready(): void
  /** Not ready, settle, drain, close in reverse. Safe to call twice. */
  stop(): Promise<void>
}

/** Listens when it resolves, and is not ready before `ready()`. @throws what failed, after closing what was open */
export async function openIdentityService(plan: IdentityProcessPlan, needs: ServiceNeeds): Promise<IdentityProcess> {
  const lifecycle = new Lifecycle()
  try {
    return await openParts(plan, needs, lifecycle)
  } catch (fault) {
    await closeAll(lifecycle, needs.log)
    throw fault
  }
}

async function openParts(plan: IdentityProcessPlan, needs: ServiceNeeds, lifecycle: Lifecycle): Promise<IdentityProcess> {
  const state = { ready: false, stopped: undefined as Promise<void> | undefined }
  const wire = await openIdentityWire(plan.identity, needs, lifecycle)
  const foundation = await openFoundation(plan, needs, undefined, lifecycle)
  const { readiness } = await openIdentity(
    plan.identity,
    {
      ...needs,
      ...{ foundation, wire, redis: plan.redis },
      wireMetrics: openWireMetrics(needs.metrics),
      serving: () => state.ready,
    },
    lifecycle,
  )
  const probes = await listening({ what: 'The probe port', ...plan.probes, settings: 'CASTELLAN_METRICS' }, () =>
    openProbeServer({ ...plan.probes, readiness, metrics: needs.metrics }),
  )
  lifecycle.add('probes', () => probes.close())

  const stop = async () => {
    state.ready = false
    if (plan.settleMs > 0) await delay(plan.settleMs)
    await drainAll([wire], needs.log)
    await closeAll(lifecycle, needs.log)
  }
  return {
    ports: { http: wire.port, probes: probes.port },
    replicaId: foundation.access.replicaId,
    issuer: wire.issuer,
    ready: () => {
      state.ready = true
    },
    stop: () => {
      state.stopped ??= stop()
      return state.stopped
    },
  }
}
