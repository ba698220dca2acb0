/** What callers are given that decide by themselves, each guarded here: states, policies, and every change of them. Decides nothing. Floor 3. */
import { createHash } from 'node:crypto'
import type { AccessEvent, PolicyStanding } from '../model/access-event.ts'
import type { AccessState } from '../model/access-state.ts'
import type { Caller } from '../model/caller.ts'
import { CallerDeniedError, NotFoundError, ServiceError, StoreError } from '../model/error-code.ts'
import {
  ACCESS_WATCHERS_MAX,
  ACCESS_WATCHERS_PER_CALLER_MAX,
  ACCESS_WATCHERS_PER_CONNECTION_MAX,
  RESOLVE_ATTEMPTS_MAX,
} from '../model/limits.ts'
import type { AccessCursor, AccessFeed, WatchedFrom } from './access-feed.ts'
import { requireScope, requireTenant } from './guard.ts'
import type { AccessResolver } from './resolve.ts'

export interface ReplicaQuestion {
  readonly user: string
  readonly tenant: string
  readonly minPosition?: number
}

/** Rows and policy of one version of one database. */
export interface LoadedAccess {
  readonly incarnation: string
  /** Everything up to here is reflected. */
  readonly position: number
  readonly policy: PolicyStanding
  readonly state: AccessState
}

export interface AccessWatch {
  /** Once, before anything else. */
  begin(from: WatchedFrom | undefined): void
  readonly open: boolean
  readonly pending: boolean
  /**
   * As AccessCursor.take, for who the caller is by now.
   * @throws CallerDeniedError when it lost the scope, or its tenants are others
   */
  take(caller: Caller, beat: number | undefined): readonly AccessEvent[]
  close(): void
}

/** Scopes `decide` and `replicate` for all of it: who decides by themselves holds attributes of people and tenants, and the whole policy. */
export interface Replication {
  /** As fresh as a decision. @throws CallerDeniedError also for another tenant; as AccessResolver.resolve */
  load(caller: Caller, question: ReplicaQuestion, signal: AbortSignal): Promise<LoadedAccess>
  /**
   * Canonical JSON of any stored revision. Also for a caller that is limited to tenants: a policy says what roles may do, not who has them, and
   * nobody decides without it.
   * @throws NotFoundError
   */
  findPolicy(caller: Caller, revision: string): Promise<string>
  /**
   * A caller that is limited to tenants is told of changes of these alone; of users it is told a number each, whatever tenant the change was in.
   * @param connection text of the connection that it came by
   * @param wake something may be there to be taken
   * @throws ServiceError `overloaded` beyond the watchers that one process, one caller or one connection may have
   */
  watch(caller: Caller, connection: string, wake: () => void): AccessWatch
  /** How many watch now. */
  watchers(): number
}

export interface ReplicationNeeds {
  readonly resolver: Pick<AccessResolver, 'resolve'>
  readonly records: { findRevision(revision: string): Promise<string | undefined> }
  readonly feed: AccessFeed
  /** Of the database that is known now. */
  readonly incarnation: () => string | undefined
}

interface Watcher {
  readonly caller: string
  readonly connection: string
}

export function openReplication({ resolver, records, feed, incarnation }: ReplicationNeeds): Replication {
  const watchers = new Set<Watcher>()

  function join(watcher: Watcher): void {
    const own = [...watchers].filter(({ caller }) => caller === watcher.caller).length
    if (own >= ACCESS_WATCHERS_PER_CALLER_MAX) throw tooMany(`This caller watches ${own} times here already.`)
    const beside = [...watchers].filter(({ connection }) => connection === watcher.connection).length
    if (beside >= ACCESS_WATCHERS_PER_CONNECTION_MAX) throw tooMany(`${beside} watch over this connection already.`)
    if (watchers.size >= ACCESS_WATCHERS_MAX) throw tooMany(`${watchers.size} watch here already.`)
    watchers.add(watcher)
  }

  return {
    async load(caller, { user, tenant, minPosition }, signal) {
      requireBoth(caller)
      requireTenant(caller, tenant)
      for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
        const before = incarnation()
        const { value, position, policy, policyPosition } = await resolver.resolve(tenant, user, minPosition, signal)
        // Of which database it is must be beyond doubt: its positions mean nothing in another one.
        if (before === undefined || before !== incarnation()) continue
        const standing = { revision: policy.revision, position: policyPosition }
        // With a policy that took force after it was read, it is what holds at that activation (see isOfOneVersion in resolve.ts).
        return { incarnation: before, position: Math.max(position, policyPosition), policy: standing, state: stateFor(caller, value) }
      }
      throw new StoreError('The database was another one each time it was asked')
    },
    async findPolicy(caller, revision) {
      requireBoth(caller)
      const content = await records.findRevision(revision)
      if (content === undefined) throw new NotFoundError('The policy revision is unknown.', 'Load the one that is in force.')
      return content
    },
    watch(caller, connection, wake) {
      requireBoth(caller)
      const watcher = { caller: caller.id, connection }
      join(watcher)
      const tenants = caller.tenants === null ? null : new Set(caller.tenants)
      let cursor: AccessCursor | undefined
      return {
        begin(from) {
          cursor = feed.watch(from, { tenants, callerDigest: digestOf(caller) }, wake)
        },
        get open() {
          return cursor?.open ?? false
        },
        get pending() {
          return cursor?.pending ?? false
        },
        take(again, beat) {
          requireBoth(again)
          if (!sameTenants(again.tenants, tenants))
            throw new CallerDeniedError('The caller is limited to other tenants by now.', 'Watch again: what it may still see comes then.')
          return cursor?.take(beat) ?? []
        },
        close() {
          cursor?.close()
          watchers.delete(watcher)
        },
      }
    },
    watchers: () => watchers.size,
  }
}

/** Whoever may not ask for a decision must not come to one by themselves. */
function requireBoth(caller: Caller): void {
  requireScope(caller, 'decide')
  requireScope(caller, 'replicate')
}

/**
 * Accounts span all tenants, and who is limited to some may not read them. Attributes are theirs to decide by where the user has a role, now or
 * at the next edge; where they have none, no decision looks at them.
 */
function stateFor({ tenants }: Caller, state: AccessState): AccessState {
  const { user, assignments, readAtMs } = state
  if (tenants === null || user === undefined) return state
  const isMember = assignments.some(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > readAtMs)
  return isMember ? state : { ...state, user: { ...user, attributes: {} } }
}

/** One text for one caller with its tenants. */
function digestOf({ id, tenants }: Caller): string {
  const text = JSON.stringify([id, tenants === null ? null : [...tenants].sort()])
  return createHash('sha256').update(text).digest('base64url')
}

function sameTenants(now: Caller['tenants'], before: ReadonlySet<string> | null): boolean {
  if (now === null || before === null) return now === before
  return now.length === before.size && now.every((tenant) => before.has(tenant))
}

function tooMany(text: string): ServiceError {
  return new ServiceError('overloaded', text, { hint: 'One stream serves a whole process.', retryAfterSeconds: 10 })
}
