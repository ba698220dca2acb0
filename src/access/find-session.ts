/** Sessions of people by id, from memory while knowledge says that nothing of their user changed. Does not judge tokens (presented-token.ts). Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import type { SessionRecord } from '../model/identity.ts'
import type { IdentityReader, SessionReading } from '../store/identity-ports.ts'
import { type Found, FreshReader, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'
import { memoryByText } from './memory-by-text.ts'

/** A session and whose it is said to be: what ends it stands in the feed under that user. */
export interface SessionKey {
  readonly id: string
  readonly user: string
}

export interface SessionFinder {
  /** @throws StoreError when it cannot be said freshly; ServiceError as AccessResolver.resolve */
  find(key: SessionKey, minPosition: number | undefined, signal?: AbortSignal): Promise<Found<SessionReading>>
  /** Whether what was found a while ago can be an answer at this moment. */
  isCurrent(key: SessionKey, found: Found<SessionReading>): boolean
}

export interface SessionFinderNeeds {
  readonly identity: Pick<IdentityReader, 'findSession'>
  readonly memory: MemoryLevel<Kept<SessionReading>>
  readonly knowledge: Knowledge
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly holds: Validity
  readonly observe: ReadObserver
}

/** A row has many fields, and none that is long but these. */
const SESSION_BYTES = 1_200

export function openSessionFinder(needs: SessionFinderNeeds): SessionFinder & { clear(): void } {
  // An id has no space, so it says where the user begins.
  const textOf = ({ id, user }: SessionKey) => `${id} ${user}`
  // Sessions that nobody has are not kept: who asks for them must not push out those that are there.
  const bytesOf = ({ session }: SessionReading) =>
    session === undefined ? undefined : SESSION_BYTES + 2 * (session.user.length + (session.agent?.length ?? 0))
  const reader = new FreshReader<SessionKey, SessionReading>({
    ...needs,
    memory: memoryByText({ level: needs.memory, textOf, bytesOf }),
    shared: undefined,
    textOf,
    load: async ({ id, user }) => ofUser(await needs.identity.findSession(id), user),
    lastChange: ({ user }) => needs.knowledge.lastUserChange(user),
    edgeMs,
  })
  return {
    find: (key, minPosition, signal) => reader.read(key, minPosition, signal),
    isCurrent: (key, found) => reader.isCurrent(key, found),
    clear: () => reader.clear(),
  }
}

/** Neither ended nor over. Whether its account still has its epoch is the account's to say. */
export function isLive(session: Pick<SessionRecord, 'revokedAtMs' | 'idleExpiresAtMs' | 'expiresAtMs'>, nowMs: number): boolean {
  return session.revokedAtMs === null && nowMs < endMs(session)
}

/**
 * A beginning and a refresh touch no feed: a session that is not there may be at any moment, and an idle end that has passed may move on still,
 * by a refresh that began before it. Neither is ever kept.
 */
function edgeMs({ session, readAtMs }: SessionReading): number {
  if (session === undefined) return Number.NEGATIVE_INFINITY
  return session.revokedAtMs !== null || session.expiresAtMs <= readAtMs ? Number.POSITIVE_INFINITY : endMs(session)
}

function endMs({ idleExpiresAtMs, expiresAtMs }: Pick<SessionRecord, 'idleExpiresAtMs' | 'expiresAtMs'>): number {
  return Math.min(idleExpiresAtMs, expiresAtMs)
}

/** Of somebody else it is nobody's: the changes of that user are not looked at here. */
function ofUser(reading: SessionReading, user: string): SessionReading {
  return reading.session === undefined || reading.session.user === user ? reading : { ...reading, session: undefined }
}
