/** The replicas of a world: how they begin, die, leave and are replaced. */
import type { Schedule } from '../schedule.ts'
import { SimulatedProcess } from './clock.ts'
import { Replica, type Surroundings } from './replica.ts'

/** Before an orchestrator tries again to start a replica that could not start. */
const AGAIN_MS = 100

export class Population {
  readonly #drifts: Schedule['drifts']
  readonly #around: Omit<Surroundings, 'ringOthers'>
  #replicas: Replica[] = []
  #born = 0

  constructor(drifts: Schedule['drifts'], around: Omit<Surroundings, 'ringOthers'>) {
    this.#drifts = drifts
    this.#around = around
  }

  get all(): readonly Replica[] {
    return this.#replicas
  }

  /** @param number modulo how many there are; `undefined` when there is none just now */
  pick(number: number): Replica | undefined {
    return this.#replicas[number % Math.max(1, this.#replicas.length)]
  }

  begin(): void {
    const { timeline, recorder } = this.#around
    const drift = this.#drifts[this.#born % this.#drifts.length] ?? 0
    const process = new SimulatedProcess(timeline, 1 + drift / 1_000, 1_000_000 * this.#born)
    const replica = new Replica(`replica-${this.#born++}`, process, {
      ...this.#around,
      ringOthers: (from) => this.#ringOthers(from),
    })
    this.#replicas.push(replica)
    replica.open().then(
      () => recorder.tell(() => `${replica.id} has started`),
      (fault: unknown) => {
        if ((fault as { code?: unknown } | undefined)?.code === 'store_unavailable') this.replace(replica, AGAIN_MS)
        else recorder.fault ??= fault
      },
    )
  }

  /** It is gone at once; another one comes. */
  replace(replica: Replica, againAfterMs: number): void {
    if (replica.process.gone) return
    replica.process.die()
    this.#replicas = this.#replicas.filter((other) => other !== replica)
    this.#around.timeline.after(againAfterMs, () => this.begin())
  }

  /** It closes in order, and is asked nothing any more. */
  leave(replica: Replica, againAfterMs: number): void {
    const { opened } = replica
    if (opened === undefined || replica.asked > 0) return
    this.#replicas = this.#replicas.filter((other) => other !== replica)
    const ended = () => replica.process.die()
    opened.freshness.close().then(ended, ended)
    this.#around.timeline.after(againAfterMs, () => this.begin())
  }

  #ringOthers(from: Replica): void {
    const { wire, timeline } = this.#around
    for (const replica of this.#replicas) {
      const ms = replica === from ? undefined : wire.travel(replica.process, 'ring', 'out')
      if (ms !== undefined) timeline.after(ms, () => replica.hear())
    }
  }
}
