/** Loads what a decision rests on from the service, one load a pair at a time, and keeps what may hold. Decides nothing. Floor 6. */
import type { Kept } from '../../access/fresh-reader.ts'
import type { Knowledge } from '../../access/knowledge.ts'
import { elapsedMs, type Moment, momentOf } from '../../access/moment.ts'
import { bytesOfState, pairText } from '../../access/resolve.ts'
import type { Clock } from '../../ground/clock.ts'
import { type AccessState, nextEdgeMs } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Verdict } from '../../model/decision.ts'
import { fingerprintOf } from '../../model/fingerprint.ts'
import type { CallOptions } from '../client.ts'
import { UnauthenticatedError, UnavailableError } from '../errors.ts'
import { LOCAL_LOAD_PAUSE_MS, LOCAL_LOADS_MAX } from '../limits.ts'
import type { AccessWire } from '../wires/access-wire.ts'
import { isRefusal } from './access-follower.ts'
import type { HeldStates, Sized } from './held-states.ts'
import type { LocalPlan } from './local-options.ts'
import { within } from './within.ts'

export interface LoaderNeeds {
  readonly wire: Pick<AccessWire, 'loadAccess'>
  readonly plan: Pick<LocalPlan, 'staleMs'>
  /** Of a whole call, when it sets none; half of it is for loading, and the rest for asking after a load that failed. */
  readonly deadlineMs: number
  readonly clock: Clock
  readonly knowledge: Knowledge<number>
  readonly held: HeldStates<Entry>
  readonly closing: AbortSignal
  /** The caller may not see any more what it was given. */
  readonly refused: () => void
}

/** What is kept of one pair. */
export interface Entry extends Kept<AccessState>, Sized {
  readonly tenantPrint: number
  readonly userPrint: number
  /** Of questions without a resource, under one policy. */
  verdicts: Map<string, Verdict> | undefined
  verdictsOf: CompiledPolicy | undefined
}

/** Loaded for a question that came before; whether it is an answer is asked at the moment of answering (`isCurrent`). */
export interface Loaded {
  readonly entry: Entry
  readonly policyRevision: string
  readonly asked: Moment
  /** Of the loader's own counting: another one when the database may be another one. */
  readonly ends: number
}

/** What the next load would meet as well; of any other failure it says nothing. */
const OF_ALL_LOADS: readonly string[] = [
  ...['unreachable', 'unavailable', 'store_unavailable', 'route_not_found', 'key_unavailable'],
  ...['deadline_exceeded', 'cancelled'],
  ...['overloaded', 'rate_limited', 'resource_exhausted'],
]

export class StateLoader {
  readonly #needs: LoaderNeeds
  readonly #flights = new Map<string, Promise<Loaded | undefined>>()
  #restarts = 0
  #pausedUntilMs = Number.NEGATIVE_INFINITY

  constructor(needs: LoaderNeeds) {
    this.#needs = needs
  }

  /** What is being loaded is not kept. */
  restart(): void {
    this.#restarts++
    this.#flights.clear()
  }

  /**
   * Never rejects: whoever cannot be helped here asks the service.
   * @returns undefined also for who joined a load that began before: what that brought counts for them where it is kept and holds
   */
  async load(tenant: string, user: string, options: CallOptions | undefined): Promise<Loaded | undefined> {
    const { clock, deadlineMs } = this.#needs
    const text = pairText({ tenant, user })
    const joined = this.#flights.get(text)
    if (joined === undefined && (this.#flights.size >= LOCAL_LOADS_MAX || clock.monotonicMs() < this.#pausedUntilMs)) return undefined
    const flight = joined ?? this.#begin(text, tenant, user, options?.minPosition)
    const loaded = await this.#waitFor(flight, (options?.deadlineMs ?? deadlineMs) / 2, options?.signal)
    return joined === undefined ? loaded : undefined
  }

  /**
   * As fresh as an answer of the service to a question that came when the loading began, and overtaken by nothing that is known here: neither while
   * it was under way nor while it waited for others.
   */
  isCurrent({ entry, asked, ends }: Loaded): boolean {
    const { clock, knowledge, plan } = this.#needs
    return (
      ends === this.#ends &&
      elapsedMs(clock, asked) < plan.staleMs &&
      entry.value.position >= knowledge.lastChange(entry.tenantPrint, entry.userPrint) &&
      knowledge.latestDatabaseMs(clock.monotonicMs()) <= entry.edgeMs
    )
  }

  #begin(text: string, tenant: string, user: string, minPosition: number | undefined): Promise<Loaded | undefined> {
    const flight = this.#load(tenant, user, minPosition)
      .catch((fault: unknown) => {
        // One question about a tenant that was never seen says nothing of what is held.
        if (fault instanceof UnauthenticatedError || (isRefusal(fault) && this.#needs.held.holdsTenant(tenant))) this.#needs.refused()
        if (fault instanceof UnavailableError && OF_ALL_LOADS.includes(fault.code))
          this.#pausedUntilMs = this.#needs.clock.monotonicMs() + LOCAL_LOAD_PAUSE_MS
        return undefined
      })
      .finally(() => {
        if (this.#flights.get(text) === flight) this.#flights.delete(text)
      })
    this.#flights.set(text, flight)
    return flight
  }

  async #load(tenant: string, user: string, minPosition: number | undefined): Promise<Loaded | undefined> {
    const { wire, clock, deadlineMs, knowledge, closing } = this.#needs
    const asked = momentOf(clock)
    const ends = this.#ends
    const loaded = await within(deadlineMs / 2, clock, closing, (signal, remainingMs) =>
      wire.loadAccess({ user, tenant }, { signal, remainingMs, minPosition }),
    )
    // Of another database than is followed, or of one that was followed.
    if (closing.aborted || ends !== this.#ends || loaded.incarnation !== knowledge.incarnation) return undefined
    return { entry: this.#keep(tenant, user, loaded.state), policyRevision: loaded.policyRevision, asked, ends }
  }

  /** Another number: what was loaded before may be of another database. */
  get #ends(): number {
    return this.#restarts + this.#needs.knowledge.gaps
  }

  /** Even what is ahead of the stream: it holds once that is there. */
  #keep(tenant: string, user: string, state: AccessState): Entry {
    const { held, knowledge } = this.#needs
    const entry: Entry = {
      value: state,
      edgeMs: nextEdgeMs(state),
      tenantPrint: fingerprintOf(tenant),
      userPrint: fingerprintOf(user),
      bytes: bytesOfState(state) + 2 * user.length,
      verdicts: undefined,
      verdictsOf: undefined,
    }
    // What was there is older than the change, or as good.
    if (state.position >= knowledge.lastChange(entry.tenantPrint, entry.userPrint)) held.set(tenant, user, entry)
    return entry
  }

  /** As long as the caller can wait, so that the service can still be asked. */
  async #waitFor(flight: Promise<Loaded | undefined>, ms: number, signal: AbortSignal | undefined): Promise<Loaded | undefined> {
    let stop: (() => void) | undefined
    const over = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined)
    })
    const cancelTimer = this.#needs.clock.after(ms, () => stop?.())
    if (stop !== undefined) signal?.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([flight, over])
    } finally {
      cancelTimer()
      if (stop !== undefined) signal?.removeEventListener('abort', stop)
    }
  }
}
