/** Opens the decision service on its foundation: policies, administration, its wires and the probes. Closes nothing itself (lifecycle does). Floor 6. */
import { openAdministration } from '../access/administration.ts'
import { openAuditTrail } from '../access/audit-trail.ts'
import { openDecisionLogReader } from '../access/decision-log-reader.ts'
import type { Freshness } from '../access/freshness.ts'
import { openPolicyReleases } from '../access/policy-releases.ts'
import { openTokenPresenter } from '../access/presented-token.ts'
import { openReplication } from '../access/replication.ts'
import { openServiceTokens } from '../access/service-token.ts'
import { runCandidateTests } from '../decision/candidate-tests.ts'
import { openDecisionPoint } from '../decision/decision-point.ts'
import { openAccessHistory } from '../decision/history/access-history.ts'
import { openLiveDecisions } from '../decision/log/live-decisions.ts'
import { openGrpcServer } from '../decision/transport/grpc/server.ts'
import { openHttpWire } from '../decision/transport/http/open.ts'
import type { WireMetrics } from '../decision/transport/wire-metrics.ts'
import type { WireNeeds } from '../decision/transport/wire-needs.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import type { Administration } from '../model/administration.ts'
import type { PolicyReleases } from '../model/policy-release.ts'
import type { PolicyFiles } from '../policy/load.ts'
import { TokenVerifier } from '../token/verify.ts'
import { openAdmission } from '../wire/admission.ts'
import { openAuthentication } from '../wire/authentication.ts'
import { openProbeServer } from '../wire/probes.ts'
import type { DecisionLogPlan } from './decision-log-plan.ts'
import { warnOfIdleMasks } from './idle-masks.ts'
import { listening } from './listen.ts'
import { openProcessCheckpoints } from './open-audit-checkpoints.ts'
import { openProcessDecisionLog } from './open-decision-log.ts'
import type { Foundation, FoundationPlan, ServiceNeeds } from './open-foundation.ts'
import { type OpenPolicies, openPolicies } from './open-policies.ts'
import { addPolicyMetrics } from './policy-metrics.ts'
import { PUBLISH_ONE } from './published-policies.ts'
import { openReadiness } from './readiness.ts'
import type { DecisionPlan, TokenPlan } from './service-plan.ts'
import { callSpans, tellingObserver, tracedResolver } from './traced-parts.ts'

export interface DecisionService {
  readonly ports: { readonly http: number; readonly grpc: number; readonly probes: number }
  readonly administration: Administration
  readonly releases: PolicyReleases
  readonly policies: OpenPolicies
  /** What gRPC's health says. */
  setServing(serving: boolean): void
  readonly wires: readonly { drain(): Promise<void> }[]
}

export interface DecisionServiceNeeds extends ServiceNeeds {
  readonly foundation: Foundation
  /** Of the policy folder, where it rules; read already. */
  readonly files: PolicyFiles | undefined
  readonly wireMetrics: WireMetrics
  /** False while the process starts or stops. */
  readonly serving: () => boolean
}

/** Listens when it resolves. @throws PolicyFolderError, StoreError, ListenError */
export async function openDecision(
  plan: DecisionPlan & FoundationPlan,
  needs: DecisionServiceNeeds,
  lifecycle: Lifecycle,
): Promise<DecisionService> {
  const { clock, random, log, metrics, tracing, foundation } = needs
  const { store, access } = foundation
  const { freshness, policy } = access
  const policies = await openPolicies(plan, needs.files, { store, clock, log }, access)
  lifecycle.add('policy', () => policies.close())
  addPolicyMetrics(metrics, policies)
  // Closed after the wires: what they changed last is covered too.
  if (plan.checkpoints !== undefined) await openProcessCheckpoints(plan.checkpoints, { store, clock, log, metrics }, lifecycle)
  const administration = openAdministration({
    store,
    policy,
    policyStatus: () => policies.status(),
    acknowledgement: freshness.acknowledgement,
    catchUp: () => freshness.catchUp(),
    random,
    strictSubjects: plan.strictSubjects,
    adminTenant: plan.adminTenant,
  })
  const releases = openPolicyReleases({
    ...{ store, policy, activation: access.activation, random },
    runTests: runCandidateTests,
    schedule: policies.schedule,
  })
  const tokens = plan.tokens && openTokens(plan.tokens, freshness)
  const resolver = tracing === undefined ? freshness.resolver : tracedResolver(freshness.resolver, tracing)
  const told = tracing && tellingObserver(tracing)
  const admission = openAdmission()
  needs.wireMetrics.watchInFlight('decision', () => admission.inFlight())
  // What no sink of this service writes is not there to be read, or is another time's.
  const decisionTable = plan.decisionLog?.sinks.some(({ kind }) => kind === 'postgres') ? store.decisionLog : undefined
  warnOfIdleMasks(plan.decisionLog?.mask, policy, log)
  const decisionLog = openProcessDecisionLog(plan.decisionLog ?? NO_LOG, {
    ...{ replicaId: access.replicaId, writer: store.decisionLogWriter, redis: plan.redis, clock, random, log, metrics },
    ...{ embedded: plan.database.kind === 'pglite', output: needs.output },
  })
  const masked = plan.decisionLog?.mask?.paths ?? []
  // Closed after the wires: what they answered last is written too.
  lifecycle.add('decision log', () => decisionLog.close())
  const { records } = store
  const replication = openReplication({ resolver, records, feed: freshness.accessFeed, incarnation: () => freshness.incarnation() })
  needs.wireMetrics.watchAccessWatchers(() => replication.watchers())
  const wire: Omit<WireNeeds, 'host' | 'port'> = {
    decisions: openDecisionPoint({ resolver, tokens: tokens?.presenter, access: store.access, policy, clock, random }),
    administration,
    releases,
    auditTrail: openAuditTrail(store),
    history: openAccessHistory({ store, policy, schedule: policies.schedule !== undefined, decisionTable }),
    decisionLog: openDecisionLogReader({ table: decisionTable, policy, masked }),
    live: openLiveDecisions(decisionLog, { clock, masked }),
    replication,
    observer: {
      decided(event) {
        needs.wireMetrics.decided(event)
        told?.decided(event)
        decisionLog.decided(event)
      },
    },
    authentication: openAuthentication({
      findCallerByKeyHash: (hash) => freshness.callers.findByKeyHash(hash),
      recallCallerByKeyHash: (hash) => freshness.callers.recallByKeyHash(hash),
      findCallerByToken: tokens && ((token) => tokens.services.findCaller(token)),
      adminKey: plan.adminKey,
    }),
    admission,
    log,
    metrics: needs.wireMetrics,
    spans: tracing && callSpans(tracing),
    clock,
    random,
    ...(plan.tls === undefined ? {} : { tls: plan.tls }),
    connectionAgeMs: plan.connectionAgeMs,
  }
  const readiness = openReadiness({
    serving: needs.serving,
    store,
    freshness: () => freshness.status(),
    redis: foundation.redis,
    policyStatus: () => policies.status(),
    ...(policies.schedule === undefined ? {} : { withoutPolicy: PUBLISH_ONE }),
  })
  const probes = await listening({ what: 'The probe port', ...plan.probes, settings: 'CASTELLAN_METRICS' }, () =>
    (needs.openProbes ?? openProbeServer)({ ...plan.probes, readiness, metrics }),
  )
  lifecycle.add('probes', () => probes.close())
  const grpc = await listening({ what: 'gRPC', ...plan.grpc, settings: 'CASTELLAN_GRPC' }, () => openGrpcServer({ ...wire, ...plan.grpc }))
  lifecycle.add('grpc', () => grpc.close())
  const http = await listening({ what: 'HTTP', ...plan.http, settings: 'CASTELLAN_HTTP' }, () =>
    openHttpWire({ ...wire, ...plan.http, readiness }),
  )
  lifecycle.add('http', () => http.close())
  return {
    ports: { http: http.port, grpc: grpc.port, probes: probes.port },
    administration,
    releases,
    policies,
    setServing: (serving) => grpc.health.set(serving),
    wires: [http, grpc],
  }
}

/** Of people in place of user and tenant, of services in place of their key; each token is verified once for both. */
function openTokens({ issuer, audience }: TokenPlan, { keys, sessions, callers, databaseTime }: Freshness) {
  const verifier = new TokenVerifier({ issuer, audience, clock: databaseTime })
  return { presenter: openTokenPresenter({ keys, sessions, verifier }), services: openServiceTokens({ keys, callers, verifier }) }
}

const NO_LOG: DecisionLogPlan = { sample: 1, mask: undefined, sinks: [] }
