/** Sums of counters over all replicas, from /metrics; what a process had counted when it was last asked is kept after its death. */
import type { ReplicaSlot } from './replica.ts'

/** Of metrics the sum of all that match: `castellan_cache_errors_total`, or with a label `castellan_access_reads_total{level="memory"}`. */
export type Counts = ReadonlyMap<string, number>

export class Counters {
  readonly #slots: readonly ReplicaSlot[]
  readonly #last = new Map<number, Counts>()

  constructor(slots: readonly ReplicaSlot[]) {
    this.#slots = slots
  }

  /** Asks all; one that does not answer keeps what it said last. */
  async refresh(): Promise<void> {
    await Promise.all(
      this.#slots.map(async (slot) => {
        const { pid, wires } = slot
        const page = await wires.probe('/metrics')
        if (page !== undefined && pid === slot.pid) this.#last.set(pid, parse(page))
      }),
    )
  }

  /** As of the last time each was asked. @param name with or without labels, which are then all of those that it has */
  sum(name: string): number {
    let sum = 0
    for (const counts of this.#last.values())
      for (const [metric, value] of counts) if (metric === name || metric.startsWith(`${name}{`)) sum += value
    return sum
  }
}

function parse(page: string): Counts {
  const counts = new Map<string, number>()
  for (const line of page.split('\n')) {
    const match = /^(castellan_[a-z_]+(?:\{[^}]*\})?) ([0-9.eE+-]+)$/.exec(line)
    if (match?.[1] !== undefined) counts.set(match[1], Number(match[2]))
  }
  return counts
}
