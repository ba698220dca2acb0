/** The level that replicas share, in Redis: bounded waiting, authenticated values, closed until Redis is known to be of our timeline. Floor 2. */
import type { AccessState } from '../model/access-state.ts'
import {
  FRESHNESS_BOUND_MS,
  REDIS_BREAK_MS,
  REDIS_FAILURES_MAX,
  REDIS_FILLS_IN_FLIGHT_MAX,
  SHARED_ENTRY_BYTES_MAX,
  SHARED_ENTRY_TTL_MS,
  SHARED_HEAD_ALARM_MS,
  SHARED_HEAD_REFRESH_MS,
  SHARED_HEAD_TTL_MS,
} from '../model/limits.ts'
import { answerWithin } from './answer-within.ts'
import { type Attempt, Breaker } from './breaker.ts'
import { decodeAccessState, encodeAccessState } from './codec.ts'
import type { DatabaseIdentity, SharedLevel } from './ports.ts'
import type { RedisConnection } from './redis-client.ts'
import { faultName, RedisLink, type RedisNeeds } from './redis-link.ts'
import { Seal } from './seal.ts'

/**
 * Writes a head unless a higher one is there, and answers with what stands then. ARGV: sealed head, milliseconds to live, a text of ours by
 * nobody that is to be replaced. Atomic, as scripts are: the head never falls.
 */
const RAISE_HEAD = `
local stored = redis.call('GET', KEYS[1])
if stored and stored ~= ARGV[3] then
  local head = tonumber(string.match(stored, '^%d+'))
  if not head or head >= tonumber(string.match(ARGV[1], '^%d+')) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return stored
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`

/** No head: below the first one. */
const NONE = -1

export class RedisCache implements SharedLevel {
  readonly #needs: RedisNeeds
  readonly #link: RedisLink
  readonly #breaker: Breaker
  #lastFault: unknown
  #fillsInFlight = 0

  #seal: Seal | undefined
  /** The database's head as last observed. */
  #head = NONE
  /** Grows whenever what was known of Redis is forgotten: an answer to what was asked before says nothing any more. */
  #turn = 0
  #observedAtMs = Number.NEGATIVE_INFINITY
  /**
   * Whether the head that stands in Redis was seen to be no higher than the database's whenever it was looked at, on this connection, in this
   * incarnation and since the database was last out of sight.
   */
  #admitted = false
  /** Stood in Redis, above our own. */
  #ahead: number | undefined
  /** At least this much stands in Redis, since then. */
  #confirmedHead = NONE
  #confirmedAtMs = 0
  #wantedHead = NONE
  #raising: Promise<void> | undefined
  #headAheadListener: ((head: number) => void) | undefined
  #alarmedAtMs = Number.NEGATIVE_INFINITY

  /** Begins to connect; until it has, everything is a miss. */
  constructor(needs: RedisNeeds) {
    const { clock, observe, log } = needs
    this.#needs = needs
    this.#breaker = new Breaker({
      clock,
      failuresMax: REDIS_FAILURES_MAX,
      breakMs: REDIS_BREAK_MS,
      changed: (open) => {
        observe.breaker(open)
        if (open) log.warn({ fault: faultName(this.#lastFault) }, 'Redis fails or is slow; it is passed over until a trial succeeds')
        else log.info('Redis answers again')
      },
    })
    this.#link = new RedisLink(needs, 'cache', () => {
      this.#forgetHead()
      if (this.#seal !== undefined) void this.#raiseTo(this.#head)
    })
  }

  async get(tenant: string, user: string): Promise<AccessState | undefined> {
    const [seal, connection] = [this.#seal, this.#link.connection]
    if (seal === undefined || connection === undefined || !this.#admitted) return undefined
    const attempt = this.#breaker.begin()
    if (attempt === undefined) return undefined
    const key = seal.keyOf(tenant, user)
    const value = await this.#within('get', connection, attempt, connection.get(key))
    // Observed meanwhile: another timeline, of which this value says nothing, or what may be one.
    if (seal !== this.#seal || !this.#admitted) return undefined
    if (value === undefined || value === null || value.length > SHARED_ENTRY_BYTES_MAX) return undefined
    const body = seal.open(key, value)
    return body === undefined ? undefined : decodeAccessState(body)
  }

  put(tenant: string, user: string, state: AccessState, ttlMs: number): void {
    const ttl = Math.floor(Math.min(ttlMs, SHARED_ENTRY_TTL_MS))
    const [seal, connection] = [this.#seal, this.#link.connection]
    if (!(ttl >= 1) || seal === undefined || connection === undefined || !this.#admitted) return
    if (this.#breaker.open || this.#fillsInFlight >= REDIS_FILLS_IN_FLIGHT_MAX) return
    const key = seal.keyOf(tenant, user)
    const value = seal.seal(key, encodeAccessState(state))
    if (value.length > SHARED_ENTRY_BYTES_MAX) return
    this.#fillsInFlight++
    const ended = () => {
      this.#fillsInFlight--
    }
    this.#fill(seal, connection, state.position, () => connection.set(key, value, ttl)).then(ended, ended)
  }

  observe(identity: DatabaseIdentity): void {
    const nowMs = this.#needs.clock.monotonicMs()
    const isOther = this.#seal?.incarnation !== identity.incarnation
    if (isOther) this.#seal = new Seal(identity)
    // Out of sight for so long, the database may have been restored: to a head that was never seen here, which only Redis can tell.
    if (isOther || nowMs - this.#observedAtMs >= FRESHNESS_BOUND_MS) this.#forgetHead()
    this.#observedAtMs = nowMs
    this.#head = identity.head
    if (this.#ahead !== undefined) this.#judge(this.#ahead)
    else if (!this.#admitted || identity.head > this.#confirmedHead || this.#confirmedAgeMs() >= SHARED_HEAD_REFRESH_MS)
      void this.#raiseTo(identity.head)
  }

  onHeadAhead(listener: (head: number) => void): void {
    this.#headAheadListener = listener
  }

  close(): void {
    this.#link.close()
  }

  /**
   * What an entry is as of has to stand in Redis before the entry does: whoever finds the entry after the database was restored to before it
   * finds the head as well, and is warned.
   * @returns when Redis has answered, or the connection has ended
   */
  async #fill(seal: Seal, connection: RedisConnection, position: number, set: () => Promise<unknown>): Promise<void> {
    if (!this.#isConfirmed(position)) await this.#raiseTo(position)
    if (!this.#isConfirmed(position) || !this.#admitted || seal !== this.#seal || connection !== this.#link.connection) return
    const attempt = this.#breaker.open ? undefined : this.#breaker.begin()
    if (attempt === undefined) return
    const answer = set()
    await this.#within('put', connection, attempt, answer)
    await answer
  }

  #isConfirmed(position: number): boolean {
    return position <= this.#confirmedHead && this.#confirmedAgeMs() < SHARED_HEAD_TTL_MS - SHARED_ENTRY_TTL_MS
  }

  #confirmedAgeMs(): number {
    return this.#needs.clock.monotonicMs() - this.#confirmedAtMs
  }

  #forgetHead(): void {
    this.#turn++
    this.#admitted = false
    this.#ahead = undefined
    this.#confirmedHead = NONE
    this.#wantedHead = NONE
  }

  /** Ends when Redis has at least this head, or that was tried and failed; one script under way at most. */
  async #raiseTo(head: number): Promise<void> {
    this.#wantedHead = Math.max(this.#wantedHead, head)
    this.#raising ??= this.#raiseWanted().finally(() => {
      this.#raising = undefined
    })
    await this.#raising
  }

  async #raiseWanted(): Promise<void> {
    let goesOn = true
    while (goesOn) goesOn = (await this.#raiseOnce(this.#wantedHead)) && this.#wantedHead > this.#confirmedHead
  }

  /** @returns whether Redis answered */
  async #raiseOnce(head: number): Promise<boolean> {
    const [seal, connection, turn] = [this.#seal, this.#link.connection, this.#turn]
    if (seal === undefined || connection === undefined) return false
    const attempt = this.#breaker.begin()
    if (attempt === undefined) return false
    const sentAtMs = this.#needs.clock.monotonicMs()
    const stored = await this.#within('head', connection, attempt, raiseHead(connection, seal, head))
    if (stored === undefined) return false
    if (turn !== this.#turn) return true
    this.#confirmedHead = stored
    this.#confirmedAtMs = sentAtMs
    // What was read from the database at some position here is no news, though the head was not observed there yet.
    if (!this.#admitted || stored > Math.max(head, this.#head)) this.#judge(stored)
    return true
  }

  /** @param stored the head that was found in Redis */
  #judge(stored: number): void {
    this.#admitted = stored <= this.#head
    this.#ahead = this.#admitted ? undefined : stored
    const nowMs = this.#needs.clock.monotonicMs()
    if (this.#admitted || this.#headAheadListener === undefined || nowMs - this.#alarmedAtMs < SHARED_HEAD_ALARM_MS) return
    this.#alarmedAtMs = nowMs
    this.#headAheadListener(stored)
  }

  /** The answer; `undefined` when it failed or did not come within the deadline. Never throws. */
  #within<T>(operation: 'get' | 'put' | 'head', connection: RedisConnection, attempt: Attempt, answer: Promise<T>): Promise<T | undefined> {
    const failed = (fault: unknown) => {
      this.#lastFault = fault
      this.#needs.observe.failed(operation)
    }
    return answerWithin({ clock: this.#needs.clock, link: this.#link, connection, attempt, failed }, answer)
  }
}

/** @returns the head that stands in Redis then: this one or a higher one of ours */
async function raiseHead(connection: RedisConnection, seal: Seal, head: number): Promise<number> {
  const args = [seal.sealHead(head), String(SHARED_HEAD_TTL_MS)]
  const found = await connection.run(RAISE_HEAD, seal.headKey, [...args, ''])
  const stored = seal.openHead(found) ?? seal.openHead(await connection.run(RAISE_HEAD, seal.headKey, [...args, found]))
  if (stored === undefined) throw new Error('The head in Redis is not ours')
  // Sealed by us, but long ago: whoever answers so does not run the script.
  if (stored < head) throw new Error('Redis answers with an old head')
  return stored
}
