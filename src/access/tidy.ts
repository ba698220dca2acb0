/** Clears away what nobody needs: rows of dead replicas, old rows of the feed. Nothing depends on when it is done. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import { FEED_KEPT_MS, FEED_TIDY_INTERVAL_MS, REPLICA_SILENCE_MS_MAX } from '../model/limits.ts'
import type { ReplicaRegistry } from '../store/ports.ts'

export interface TidyNeeds {
  readonly registry: ReplicaRegistry
  readonly pruneFeed: (keptMs: number) => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

export function openTidy(needs: TidyNeeds): { close(): Promise<void> } {
  const { clock, log } = needs
  const silences = new Silences(needs.registry)
  let closed = false
  let cancel: () => void = () => undefined
  let running: Promise<void> = Promise.resolve()

  async function tidy(): Promise<void> {
    for (const id of await silences.removeDead(clock.monotonicMs()))
      log.warn({ replica: id }, 'a replica has died: changes do not wait for it any more')
    while (!closed && (await needs.pruneFeed(FEED_KEPT_MS)));
  }

  function schedule(): void {
    if (closed) return
    cancel = clock.after(FEED_TIDY_INTERVAL_MS, () => {
      running = tidy()
        .catch((fault: unknown) => log.debug({ err: fault }, 'could not tidy; tried again'))
        .then(schedule)
    })
  }

  schedule()
  return {
    close: async () => {
      closed = true
      cancel()
      await running
    },
  }
}

/**
 * A replica is dead when its beat has stood still for long on OUR monotonic clock: machines' clocks are never compared. One that only slept
 * finds its row gone by its next reading, and does not answer from memory before it is registered again.
 */
export class Silences {
  readonly #registry: ReplicaRegistry
  #seen = new Map<string, { readonly beat: number; readonly sinceMs: number }>()

  constructor(registry: ReplicaRegistry) {
    this.#registry = registry
  }

  /** @returns the ids removed */
  async removeDead(nowMs: number): Promise<readonly string[]> {
    const before = this.#seen
    this.#seen = new Map()
    const removed: string[] = []
    for (const { id, beat } of await this.#registry.list()) {
      const last = before.get(id)
      const sinceMs = last?.beat === beat ? last.sinceMs : nowMs
      if (nowMs - sinceMs <= REPLICA_SILENCE_MS_MAX) this.#seen.set(id, { beat, sinceMs })
      else {
        await this.#registry.remove(id, beat)
        removed.push(id)
      }
    }
    return removed
  }
}
