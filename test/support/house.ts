/** The whole house without its wires: real decisions and real administration on a real store, as fresh as a replica of the service. */

import { openAdministration } from '../../src/access/administration.ts'
import { openAuditTrail } from '../../src/access/audit-trail.ts'
import { openDecisionLogReader } from '../../src/access/decision-log-reader.ts'
import type { Validity } from '../../src/access/fresh-reader.ts'
import type { Freshness, FreshnessObserver } from '../../src/access/freshness.ts'
import { type ActivationNeeds, activatePolicy } from '../../src/access/policy-activation.ts'
import { openPolicyReleases } from '../../src/access/policy-releases.ts'
import { openReplication } from '../../src/access/replication.ts'
import type { RedisObserver } from '../../src/cache/redis-link.ts'
import { runCandidateTests } from '../../src/decision/candidate-tests.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { openAccessHistory } from '../../src/decision/history/access-history.ts'
import { openLiveDecisions } from '../../src/decision/log/live-decisions.ts'
import type { WireNeeds } from '../../src/decision/transport/wire-needs.ts'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { type AccessObserver, openAccess } from '../../src/main/open-access.ts'
import type { Administration, ChangeContext, PolicyStatus } from '../../src/model/administration.ts'
import type { Caller } from '../../src/model/caller.ts'
import { SCOPES } from '../../src/model/caller.ts'
import type { Decision, DecisionPoint } from '../../src/model/decision.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import type { PolicyReleases } from '../../src/model/policy-release.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { PolicyInForce } from '../../src/policy/in-force.ts'
import type { Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import type { Store } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'
import { openMigratedPostgres } from './stores.ts'
import { openWitness, type Witness } from './witness.ts'

export interface House {
  readonly database: Database
  readonly store: Store
  /** Row of this house among the replicas. */
  readonly replicaId: string
  readonly freshness: Freshness
  readonly policy: PolicyInForce
  readonly activation: ActivationNeeds
  readonly decisions: DecisionPoint
  readonly administration: Administration
  /** As where published revisions rule; what is put down for a time to come is not carried out by this house. */
  readonly releases: PolicyReleases
  /** What auditors and replicating callers ask; nothing is decided behind wires here, so nothing is in the log and nothing to watch. */
  readonly auditing: Pick<WireNeeds, 'auditTrail' | 'history' | 'decisionLog' | 'live' | 'replication'>
  /** All scopes, all tenants. */
  readonly admin: Caller
  readonly context: ChangeContext
  /** Of its log; whoever gives out secrets here tells them. */
  readonly witness: Witness
  /** Puts another bundle in force, on all replicas of the database. @returns the position of its activation */
  use(bundle: PolicyBundle): Promise<number>
  check(user: string, tenant: string, permission: string, resource?: Record<string, unknown>): Promise<Decision>
  /** Forgets all tenants, users and assignments. */
  clear(): Promise<void>
  /** The database too, unless it was given. @throws when a secret was found where somebody may read it */
  close(): Promise<void>
}

export interface HouseSettings {
  readonly strictSubjects?: boolean
  readonly clock?: Clock
  readonly observe?: FreshnessObserver
  readonly holds?: Validity
}

export const NEVER = new AbortController().signal

/** Enough for the people of a test; nothing is to be pushed out. */
const CACHE_BYTES = 4_194_304

/**
 * One replica.
 * @param bundle absent: what is in force stays
 * @param database absent: one of its own on the server of the run; one that is given is migrated, may be given to other houses, and outlives them
 */
export async function openHouse(bundle: PolicyBundle | undefined, database?: Database, settings: HouseSettings = {}): Promise<House> {
  const lifecycle = new Lifecycle()
  const opened = database ?? (await openMigratedPostgres())
  if (database !== undefined) await migrate(opened, {})
  const store = openStore(opened)
  if (database === undefined) lifecycle.add('store', () => store.close())
  const random = systemRandom
  const witness = openWitness()
  const { log } = witness
  const clock = settings.clock ?? systemClock
  const observe = { ...unobserved, ...(settings.observe === undefined ? {} : { freshness: settings.observe }) }
  const access = await openAccess(
    { cacheBytes: CACHE_BYTES, redis: undefined },
    { database: opened, store, clock, random, log, observe, ...(settings.holds === undefined ? {} : { holds: settings.holds }) },
    lifecycle,
  )
  const { policy, freshness, activation } = access
  const admin: Caller = { id: 'test-admin', name: 'test', scopes: SCOPES, tenants: null, builtIn: true }
  const context = { caller: admin, reason: 'test' }
  const use = async (next: PolicyBundle) => {
    const compiled = compilePolicy(next)
    policy.offer(compiled)
    return await activatePolicy(activation, { revision: compiled.revision, content: canonicalJson(compiled.bundle) }, 'test', context)
  }
  if (bundle !== undefined) await use(bundle)
  const policyStatus = (): PolicyStatus => {
    const { revision, bundle: current } = policy.current()
    const [permissions, roles] = [current.permissions.length, current.roles.length]
    return { revision, loadedAtMs: 0, source: 'directory', permissions, roles, faults: [] }
  }
  const { acknowledgement } = freshness
  const strictSubjects = settings.strictSubjects ?? false
  const decisions = openDecisionPoint({ resolver: freshness.resolver, access: store.access, policy, clock, random })
  return {
    database: opened,
    store,
    replicaId: access.replicaId,
    freshness,
    policy,
    activation,
    decisions,
    auditing: {
      auditTrail: openAuditTrail(store),
      history: openAccessHistory({ store, policy, schedule: true, decisionTable: store.decisionLog }),
      decisionLog: openDecisionLogReader({ table: store.decisionLog, policy }),
      live: openLiveDecisions({ subscribe: () => () => undefined }, { clock }),
      replication: openReplication({
        ...{ resolver: freshness.resolver, records: store.records },
        ...{ feed: freshness.accessFeed, incarnation: () => freshness.incarnation() },
      }),
    },
    administration: openAdministration({
      store,
      policy,
      policyStatus,
      acknowledgement,
      catchUp: activation.catchUp,
      random,
      strictSubjects,
    }),
    releases: openPolicyReleases({
      ...{ store, policy, activation, random },
      runTests: runCandidateTests,
      schedule: { look: async () => undefined },
    }),
    admin,
    context,
    witness,
    use,
    check: (user, tenant, permission, resource) =>
      decisions.check({ user, tenant, permission, ...(resource === undefined ? {} : { resource }) }, NEVER),
    clear: async () => {
      await opened.knex.raw('truncate role_assignment, login_challenge, login_session, subject, tenant')
      // Past the feed, which says nothing of it.
      access.memory.states.clear()
    },
    async close() {
      try {
        await witness.close(opened)
      } finally {
        await lifecycle.close((_, fault) => {
          throw fault
        })
      }
    },
  }
}

const nothing = () => undefined
const unobservedRedis: RedisObserver = { failed: nothing, connected: nothing, breaker: nothing }
const unobservedReads = { answered: nothing, outdated: nothing, refused: nothing }
const unobserved: AccessObserver = {
  freshness: {
    states: unobservedReads,
    callers: unobservedReads,
    sessions: unobservedReads,
    keys: unobservedReads,
    applied: nothing,
    readFailed: nothing,
    effective: nothing,
  },
  cache: unobservedRedis,
  doorbell: unobservedRedis,
}
/** A bundle from role names and the permissions they grant, for tests that need no more than that. */
export function bundleOf(roles: Readonly<Record<string, readonly string[]>>): PolicyBundle {
  const names = [...new Set(Object.values(roles).flat())].sort()
  return {
    permissions: names.map((name, index) => ({
      name,
      code: `t.${index}`,
      title: name,
      service: 'test',
      owner: 'test@example.org',
      risk: 'normal',
      stage: 'active',
      attributes: {},
    })),
    reserved: [],
    roles: Object.entries(roles).map(([name, granted]) => ({
      name,
      title: name,
      bundle: 'test',
      owner: 'test@example.org',
      assignable: 'any',
      grants: [...granted].sort().map((permission) => ({ permission })),
    })),
    constraints: [],
  }
}
