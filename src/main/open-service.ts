/** Joins the parts of the decision service: opens them in order, closes them in reverse, also when start-up fails half way. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { openAdministration } from '../access/administration.ts'
import type { Validity } from '../access/fresh-reader.ts'
import { openDecisionPoint } from '../decision/decision-point.ts'
import { type GrpcServer, openGrpcServer } from '../decision/transport/grpc/server.ts'
import { openHttpWire } from '../decision/transport/http/open.ts'
import { openWireMetrics } from '../decision/transport/wire-metrics.ts'
import type { WireNeeds } from '../decision/transport/wire-needs.ts'
import type { Clock } from '../ground/clock.ts'
import { Lifecycle } from '../ground/lifecycle.ts'
import type { Log } from '../ground/log.ts'
import type { Metrics } from '../ground/metrics.ts'
import type { Random } from '../ground/random.ts'
import type { Administration } from '../model/administration.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PolicyDirectory } from '../policy/load.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { migrate, requireMigrated } from '../store/migrations.ts'
import type { Store } from '../store/ports.ts'
import { openStore } from '../store/store.ts'
import { openAdmission } from '../wire/admission.ts'
import { openAuthentication } from '../wire/authentication.ts'
import type { HttpServer } from '../wire/http/server.ts'
import { openProbeServer } from '../wire/probes.ts'
import { openFreshnessMetrics } from './freshness-metrics.ts'
import { listening } from './listen.ts'
import { openAccess } from './open-access.ts'
import { openPolicies, readPolicies } from './open-policies.ts'
import { addPolicyMetrics } from './policy-metrics.ts'
import { openReadiness } from './readiness.ts'
import type { ServicePlan } from './service-plan.ts'

export interface ServiceNeeds {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Only a run that shows what the rule of freshness is good for gives another one; no setting does. */
  readonly holds?: Validity
}

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
  const { clock, random, log, metrics } = needs
  const database = await openDatabase(plan.database)
  const store = openStore(database)
  lifecycle.add('store', () => store.close())
  await prepareSchema(database, plan.schema, log)
  // One process has this database: whoever is in it as a replica has died, and no change is to wait for it.
  if (plan.database.kind === 'pglite') await removeReplicas(store)

  const counts = openFreshnessMetrics(metrics)
  const files = await readPolicies(plan.policyDirectory)
  const access = await openAccess(plan, { ...needs, database, store, observe: counts.observe, offered: files.policy }, lifecycle)
  const { freshness, policy } = access
  counts.watch({ status: () => freshness.status(), kept: () => access.memory.states })
  const directory = await openPolicies(plan, files, needs, access)
  lifecycle.add('policy', () => directory.close())
  addPolicyMetrics(metrics, () => directory.status())

  const administration = openAdministration({
    store,
    policy,
    policyStatus: () => directory.status(),
    acknowledgement: freshness.acknowledgement,
    catchUp: () => freshness.catchUp(),
    random,
    strictSubjects: plan.strictSubjects,
  })
  const wire: Omit<WireNeeds, 'host' | 'port'> = {
    decisions: openDecisionPoint({ resolver: freshness.resolver, access: store.access, policy, clock, random }),
    administration,
    authentication: openAuthentication({ findCallerByKeyHash: (hash) => freshness.callers.findByKeyHash(hash), adminKey: plan.adminKey }),
    admission: openAdmission(),
    log,
    metrics: openWireMetrics(metrics),
    clock,
    random,
    ...(plan.tls === undefined ? {} : { tls: plan.tls }),
    connectionAgeMs: plan.connectionAgeMs,
  }
  const state = { ready: false, stopped: undefined as Promise<void> | undefined }
  const readiness = openReadiness({
    serving: () => state.ready,
    store,
    freshness: () => freshness.status(),
    redis: plan.redis && counts.redis,
    policyStatus: () => directory.status(),
  })
  const probes = await listening({ what: 'The probe port', ...plan.probes, settings: 'CASTELLAN_METRICS' }, () =>
    openProbeServer({ ...plan.probes, readiness, metrics }),
  )
  lifecycle.add('probes', () => probes.close())
  const grpc = await listening({ what: 'gRPC', ...plan.grpc, settings: 'CASTELLAN_GRPC' }, () => openGrpcServer({ ...wire, ...plan.grpc }))
  lifecycle.add('grpc', () => grpc.close())
  const http = await listening({ what: 'HTTP', ...plan.http, settings: 'CASTELLAN_HTTP' }, () =>
    openHttpWire({ ...wire, ...plan.http, readiness }),
  )
  lifecycle.add('http', () => http.close())

  const stop = async () => {
    state.ready = false
    grpc.health.set(false)
    // Load balancers go on sending until they have asked again.
    if (plan.settleMs > 0) await delay(plan.settleMs)
    await drainAll([http, grpc], log)
    await closeAll(lifecycle, log)
  }
  return {
    replicaId: access.replicaId,
    ports: { http: http.port, grpc: grpc.port, probes: probes.port },
    administration,
    policy: () => policy.current(),
    ready: () => {
      state.ready = true
      grpc.health.set(true)
    },
    reloadPolicies: () => reload(directory),
    stop: () => {
      state.stopped ??= stop()
      return state.stopped
    },
  }
}

async function prepareSchema(database: Database, schema: ServicePlan['schema'], log: Log): Promise<void> {
  if (schema === 'migrate') {
    await migrate(database, { log: { info: (text) => log.info(text) } })
    return
  }
  await requireMigrated(database)
}

async function removeReplicas({ replicas }: Store): Promise<void> {
  for (const { id, beat } of await replicas.list()) await replicas.remove(id, beat)
}

async function reload(directory: PolicyDirectory): Promise<void> {
  await directory.reload()
}

async function drainAll(servers: readonly (HttpServer | GrpcServer)[], log: Log): Promise<void> {
  for (const outcome of await Promise.allSettled(servers.map((server) => server.drain())))
    if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'a wire did not drain')
}

async function closeAll(lifecycle: Lifecycle, log: Log): Promise<void> {
  await lifecycle.close((part, fault) => log.error({ part, err: fault }, 'a part did not close'))
}
