/** Waits until a committed change is in force on every replica: all have reported it, or none can answer from before it any more. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { sleep } from '../ground/clock.ts'
import { Coalesced } from '../ground/coalesce.ts'
import { FRESHNESS_BOUND_MS, FRESHNESS_MARGIN_MS } from '../model/limits.ts'
import type { Doorbell, ReplicaRecord, ReplicaRegistry } from '../store/ports.ts'

export interface Acknowledgement {
  /** A change was committed just now: wakes all replicas. Waits for nothing. */
  announce(): void
  /**
   * Resolves once no replica answers from before `position`. Never later than the freshness bound and a margin after the call, and
   * never fails: a replica that has not reported by then is not fresh, and asks the database.
   */
  effective(position: number): Promise<void>
  /** Resolves once every registered replica fulfils `done`, or with those that do not when `withinMs` is over. */
  waitForReplicas(done: (replica: ReplicaRecord) => boolean, withinMs: number): Promise<readonly ReplicaRecord[]>
}

export interface AcknowledgementNeeds {
  readonly registry: ReplicaRegistry
  readonly ownId: string
  readonly doorbell: Doorbell
  /** This replica's own reading, which need not wait for the doorbell. */
  readonly ring: () => void
  readonly clock: Clock
  readonly observe: { effective(seconds: number): void }
}

/** Between two looks at the replicas' reports, in milliseconds: a report takes a reading, and that a few. */
const LOOK_AGAIN_MS_MIN = 2
const LOOK_AGAIN_MS_MAX = 50

export function openAcknowledgement(needs: AcknowledgementNeeds): Acknowledgement {
  const { registry, clock } = needs
  // Shared only with looks that begin later: a replica that registered before the commit must be among those found.
  const replicas = new Coalesced(async () => {
    const found = await registry.list()
    // A list without ourselves is not of the database that replicas read.
    return found.some((replica) => replica.id === needs.ownId) ? found : undefined
  })

  /** @returns those that are still missing when the time is over; `undefined`: nobody could be asked */
  async function wait(done: (replica: ReplicaRecord) => boolean, withinMs: number): Promise<readonly ReplicaRecord[] | undefined> {
    const endMs = clock.monotonicMs() + withinMs
    const isOver = sleep(clock, withinMs)
    let missing: readonly ReplicaRecord[] | undefined
    for (let pauseMs = LOOK_AGAIN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, LOOK_AGAIN_MS_MAX)) {
      const found = await Promise.race([replicas.run().catch(() => undefined), isOver])
      if (found !== undefined) missing = found.filter((replica) => !done(replica))
      const leftMs = endMs - clock.monotonicMs()
      if (missing?.length === 0 || leftMs <= 0) return missing
      await sleep(clock, Math.min(pauseMs, leftMs))
    }
  }

  return {
    announce() {
      needs.doorbell.ring()
      needs.ring()
    },
    async effective(position) {
      const committedAtMs = clock.monotonicMs()
      await wait((replica) => (replica.knownPosition ?? -1) >= position, FRESHNESS_BOUND_MS + FRESHNESS_MARGIN_MS)
      needs.observe.effective((clock.monotonicMs() - committedAtMs) / 1_000)
    },
    waitForReplicas: async (done, withinMs) => (await wait(done, withinMs)) ?? [],
  }
}
