/** A replica in this process as the service puts it together, on rows that are made up when they are asked for: for how it behaves with very many. Opens no wire. */

import { activatePolicy } from '../../src/access/policy-activation.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { openLog } from '../../src/ground/log.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { type AccessObserver, openAccess } from '../../src/main/open-access.ts'
import { type Caller, SCOPES } from '../../src/model/caller.ts'
import type { DecisionPoint } from '../../src/model/decision.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/store.ts'

export interface WarmReplica {
  readonly decisions: DecisionPoint
  readonly memory: { readonly entries: number; readonly bytes: number; clear(): void }
  close(): Promise<void>
}

/** As JSON of the columns that the statement of a check reads; the position is the replica's to add. */
export type RowText = (tenant: string, user: string) => string

const RESOLVE = /^castellan_resolve/

/** @param cacheBytes as CASTELLAN_CACHE_MEBIBYTES would say it */
export async function openWarmReplica(
  bundle: PolicyBundle,
  cacheBytes: number,
  rowText: RowText,
  clock: Clock = systemClock,
): Promise<WarmReplica> {
  const lifecycle = new Lifecycle()
  const close = () =>
    lifecycle.close((_, fault) => {
      throw fault
    })
  const real = await openDatabase({ kind: 'pglite' })
  await migrate(real, {})
  let position = 0
  const database: typeof real = {
    ...real,
    queryPrepared: async <R>(name: string | undefined, text: string, values: readonly unknown[]) => {
      if (name === undefined || !RESOLVE.test(name)) return await real.queryPrepared<R>(name, text, values)
      // Parsed anew as a driver does: nothing of one row is shared with another but by whoever keeps it.
      const row = JSON.parse(rowText(String(values[0]), String(values[1]))) as object
      return [{ ...row, position, policy_position: position, read_at_ms: clock.nowMs() } as R]
    },
  }
  const store = openStore(database)
  lifecycle.add('store', () => store.close())
  const log = openLog('error', { write: (line) => process.stderr.write(line) })
  const access = await openAccess(
    { cacheBytes, redis: undefined },
    { database, store, clock, random: systemRandom, log, observe: unobserved },
    lifecycle,
  )
  const compiled = compilePolicy(bundle)
  access.policy.offer(compiled)
  const admin: Caller = { id: 'bench', name: 'bench', scopes: SCOPES, tenants: null, builtIn: true }
  const kept = { revision: compiled.revision, content: canonicalJson(compiled.bundle) }
  position = await activatePolicy(access.activation, kept, 'bench', { caller: admin, reason: 'bench' })
  const decisions = openDecisionPoint({
    ...{ resolver: access.freshness.resolver, access: store.access, policy: access.policy, clock, random: systemRandom },
  })
  return { decisions, memory: access.memory.states, close }
}

const nothing = () => undefined
const unobservedReads = { answered: nothing, outdated: nothing, refused: nothing }
const unobservedRedis = { failed: nothing, connected: nothing, breaker: nothing }
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
