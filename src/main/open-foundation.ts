/** What both services stand on, once a process: database, store, and access that the feed keeps fresh. Opens no wire and no policy folder. Floor 6. */
import type { Validity } from '../access/fresh-reader.ts'
import type { Clock } from '../ground/clock.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import type { Log } from '../ground/log.ts'
import type { Metrics } from '../ground/metrics.ts'
import type { Random } from '../ground/random.ts'
import type { StandardOutput } from '../ground/standard-output.ts'
import type { Tracing } from '../ground/tracing.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Database, DatabaseOptions } from '../store/database.ts'
import { migrate, requireMigrated } from '../store/migrations.ts'
import { openDatabase } from '../store/open-database.ts'
import type { Store } from '../store/ports.ts'
import { ownDatabase } from '../store/prepared-database.ts'
import { openStore } from '../store/store.ts'
import type { openProbeServer, ProbeServer } from '../wire/probes.ts'
import { addDatabaseMetrics, countingAudit } from './database-metrics.ts'
import { type FreshnessMetrics, openFreshnessMetrics } from './freshness-metrics.ts'
import { type Access, type AccessPlan, openAccess } from './open-access.ts'
import { tracedStore } from './traced-parts.ts'

export interface FoundationPlan extends AccessPlan {
  readonly database: DatabaseOptions
  /** `require`: a database that is not at this build's schema is refused. */
  readonly schema: 'migrate' | 'require'
}

/** Of the whole process: every metric, not its page alone. */
export type OpenProbes = (needs: Parameters<typeof openProbeServer>[0] & { readonly metrics: Metrics }) => Promise<ProbeServer>

/** What every part of a process is given. */
export interface ServiceNeeds {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** The one that the log writes to; absent: the log goes elsewhere. */
  readonly output?: StandardOutput
  /** Absent: nobody asked for traces, and nothing is wrapped for them. */
  readonly tracing?: Tracing | undefined
  /** Of a process that is one of several: what it would say there, another one says. Absent: a port of its own. */
  readonly openProbes?: OpenProbes | undefined
  /** Only a run that shows what the rule of freshness is good for gives another one; no setting does. */
  readonly holds?: Validity
}

export interface Foundation {
  readonly store: Store
  readonly access: Access
  /** Of Redis as a level of the cache; absent: there is none. */
  readonly redis: FreshnessMetrics['redis'] | undefined
  readonly limiterObserver: FreshnessMetrics['limiter']
}

/**
 * Resolves when this process has read the feed to its head.
 * @param offered compiled from files already: when it is the one in force, its stored content is not needed
 * @param lifecycle closes what was opened, also after a fault
 * @throws StoreError; AppError when the database is not at this build's schema
 */
export async function openFoundation(
  plan: FoundationPlan,
  needs: ServiceNeeds,
  offered: CompiledPolicy | undefined,
  lifecycle: Lifecycle,
): Promise<Foundation> {
  const database = await openDatabase(plan.database)
  const counted = countingAudit(openStore(database), needs.metrics)
  const store = needs.tracing === undefined ? counted : tracedStore(counted, needs.tracing)
  addDatabaseMetrics(needs.metrics, database)
  lifecycle.add('store', () => store.close())
  await prepareSchema(database, plan.schema, needs.log)
  if (plan.database.kind === 'pglite') {
    await ownDatabase(database, needs.random)
    // One process has this database: whoever is in it as a replica has died, and no change is to wait for it.
    await removeReplicas(store)
  }
  const counts = openFreshnessMetrics(needs.metrics)
  const access = await openAccess(plan, { ...needs, database, store, observe: counts.observe, offered }, lifecycle)
  counts.watch({ status: () => access.freshness.status(), kept: () => access.memory.states })
  return { store, access, redis: plan.redis && counts.redis, limiterObserver: counts.limiter }
}

export async function closeAll(lifecycle: Lifecycle, log: Log): Promise<void> {
  await lifecycle.close((part, fault) => log.error({ part, err: fault }, 'a part did not close'))
}

/** Lets requests under way end; a wire that does not is told, and closed with the others. */
export async function drainAll(servers: readonly { drain(): Promise<void> }[], log: Log): Promise<void> {
  for (const outcome of await Promise.allSettled(servers.map((server) => server.drain())))
    if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'a wire did not drain')
}

async function prepareSchema(database: Database, schema: FoundationPlan['schema'], log: Log): Promise<void> {
  if (schema === 'migrate') {
    await migrate(database, { log: { info: (text) => log.info(text) } })
    return
  }
  await requireMigrated(database)
}

async function removeReplicas({ replicas }: Store): Promise<void> {
  for (const { id, beat } of await replicas.list()) await replicas.remove(id, beat)
}
