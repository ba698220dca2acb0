/** Joins what one process of the decision service is, in development with the identity service: opens in order, closes in reverse. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { openWireMetrics } from '../decision/transport/wire-metrics.ts'
import { Lifecycle } from '../ground/lifecycle.ts'
import type { IdentityAdministration } from '../identity/ports.ts'
import type { Administration } from '../model/administration.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PolicyReleases } from '../model/policy-release.ts'
import type { IdentityPlan } from './identity-plan.ts'
import { openDecision } from './open-decision.ts'
import { closeAll, drainAll, openFoundation, type ServiceNeeds } from './open-foundation.ts'
import { openProcessTracing } from './open-tracing.ts'
import { readPolicies } from './policy-folder.ts'
import { addressOf, type ServicePlan } from './service-plan.ts'

export interface Service {
  readonly ports: { readonly http: number; readonly grpc: number; readonly probes: number }
  /** Its row among the replicas: what others call it in their logs. */
  readonly replicaId: string
  readonly administration: Administration
  readonly releases: PolicyReleases
  /** Only in development: otherwise it is a process of its own. */
  readonly identity?: { readonly issuer: string; readonly administration: IdentityAdministration }
  /** @throws StoreError while none is in force */
  policy(): CompiledPolicy
  /** In force here; absent: none is. */
  policyRevision(): string | undefined
  /** Reports ready from now on: everything is open and, in development, seeded. */
  ready(): void
  reloadPolicies(): Promise<void>
  /** Not ready, settle, drain, close in reverse. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Listens when it resolves, and is not ready before `ready()`.
 * @param identity opened in this process too, on the same database
 * @throws what failed, after closing what was open
 */
export async function openService(plan: ServicePlan, needs: ServiceNeeds, identity?: IdentityPlan): Promise<Service> {
  const lifecycle = new Lifecycle()
  try {
    return await openParts(plan, needs, identity, lifecycle)
  } catch (fault) {
    await closeAll(lifecycle, needs.log)
    throw fault
  }
}

async function openParts(
  plan: ServicePlan,
  needs: ServiceNeeds,
  identityPlan: IdentityPlan | undefined,
  lifecycle: Lifecycle,
): Promise<Service> {
  const state = { ready: false, stopped: undefined as Promise<void> | undefined }
  const tracing = await openProcessTracing(plan.tracing, needs, lifecycle)
  // Before there is anything to wait for: a folder that cannot be read at all is told at once.
  const files = plan.policies.source === 'directory' ? await readPolicies(plan.policies.directory) : undefined
  // First: whose tokens the decision service takes may be known only by the port that is taken here.
  const wire = identityPlan && (await (await import('./open-identity-wire.ts')).openIdentityWire(identityPlan, needs, lifecycle))
  const tokens = identityPlan && wire ? { issuer: wire.issuer, audience: identityPlan.audience } : plan.tokens
  const foundation = await openFoundation(plan, { ...needs, tracing }, files?.policy, lifecycle)
  const joined = {
    ...needs,
    tracing,
    foundation,
    wireMetrics: openWireMetrics(needs.metrics, plan.metricsTenants),
    serving: () => state.ready,
  }
  const decision = await openDecision({ ...plan, tokens }, { ...joined, files }, lifecycle)
  const checkUrl = `${plan.tls === undefined ? 'http' : 'https'}://${addressOf(plan.http.host, decision.ports.http)}/v1/check`
  const identity =
    identityPlan &&
    wire &&
    // The only way to it: a process without it never loads it.
    (await (await import('./open-identity.ts')).openIdentity(identityPlan, { ...joined, wire, redis: plan.redis, checkUrl }, lifecycle))

  const stop = async () => {
    state.ready = false
    decision.setServing(false)
    // Load balancers go on sending until they have asked again.
    if (plan.settleMs > 0) await delay(plan.settleMs)
    await drainAll([...decision.wires, ...(wire === undefined ? [] : [wire])], needs.log)
    await closeAll(lifecycle, needs.log)
  }
  return {
    replicaId: foundation.access.replicaId,
    ports: decision.ports,
    administration: decision.administration,
    releases: decision.releases,
    ...(identity === undefined || wire === undefined ? {} : { identity: { issuer: wire.issuer, administration: identity.administration } }),
    policy: () => foundation.access.policy.current(),
    policyRevision: () => foundation.access.policy.revision,
    ready: () => {
      state.ready = true
      decision.setServing(true)
    },
    reloadPolicies: () => decision.policies.reload(),
    stop: () => {
      state.stopped ??= stop()
      return state.stopped
    },
  }
}
