/** Joins what one process of the decision service is: opens it in order, closes it in reverse, also when start-up fails half way. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { Lifecycle } from '../ground/lifecycle.ts'
import type { Administration } from '../model/administration.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { openDecision } from './open-decision.ts'
import { closeAll, drainAll, openFoundation, type ServiceNeeds } from './open-foundation.ts'
import { readPolicies } from './open-policies.ts'
import type { ServicePlan } from './service-plan.ts'

export interface Service {
  readonly ports: { readonly http: number; readonly grpc: number; readonly probes: number }
  /** Its row among the replicas: what others call it in their logs. */
  readonly replicaId: string
  readonly administration: Administration
  policy(): CompiledPolicy
  /** Reports ready from now on: everything is open and, in development, seeded. */
  ready(): void
  reloadPolicies(): Promise<void>
  /** Not ready, settle, drain, close in reverse. Safe to call twice. */
  stop(): Promise<void>
}

/** Listens when it resolves, and is not ready before `ready()`. @throws what failed, after closing what was open */
export async function openService(plan: ServicePlan, needs: ServiceNeeds): Promise<Service> {
  const lifecycle = new Lifecycle()
  try {
    return await openParts(plan, needs, lifecycle)
  } catch (fault) {
    await closeAll(lifecycle, needs.log)
    throw fault
  }
}

async function openParts(plan: ServicePlan, needs: ServiceNeeds, lifecycle: Lifecycle): Promise<Service> {
  const state = { ready: false, stopped: undefined as Promise<void> | undefined }
  const files = await readPolicies(plan.policyDirectory)
  const foundation = await openFoundation(plan, needs, files.policy, lifecycle)
  const decision = await openDecision(plan, { ...needs, foundation, files, serving: () => state.ready }, lifecycle)

  const stop = async () => {
    state.ready = false
    decision.setServing(false)
    // Load balancers go on sending until they have asked again.
    if (plan.settleMs > 0) await delay(plan.settleMs)
    await drainAll(decision.wires, needs.log)
    await closeAll(lifecycle, needs.log)
  }
  return {
    replicaId: foundation.access.replicaId,
    ports: decision.ports,
    administration: decision.administration,
    policy: () => foundation.access.policy.current(),
    ready: () => {
      state.ready = true
      decision.setServing(true)
    },
    reloadPolicies: async () => {
      await decision.directory.reload()
    },
    stop: () => {
      state.stopped ??= stop()
      return state.stopped
    },
  }
}
