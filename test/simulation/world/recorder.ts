/** Writes down what is seen of a world from outside, in numbers and, when asked to, in words. */
import type { AcknowledgementRecord, CheckRecord } from '../history.ts'
import type { Timeline } from './clock.ts'
import type { Version } from './database.ts'

export class Recorder {
  readonly checks: CheckRecord[] = []
  readonly acknowledged: AcknowledgementRecord[] = []
  readonly counts = new Map<string, number>()
  /** One line an event; empty unless wanted. */
  readonly told: string[] = []
  /** What no rule of the world allows to happen. */
  fault: unknown
  readonly #timeline: Timeline
  readonly #tells: boolean
  #highestTold = 0

  constructor(timeline: Timeline, tells: boolean) {
    this.#timeline = timeline
    this.#tells = tells
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  tell(line: () => string): void {
    if (this.#tells) this.told.push(`${this.#timeline.nowMs.toFixed(2).padStart(9)}  ${line()}`)
  }

  /** Some caller was told of this position. */
  tellPosition(position: number): void {
    this.#highestTold = Math.max(this.#highestTold, position)
  }

  get highestTold(): number {
    return this.#highestTold
  }

  acknowledge(version: Version): void {
    this.acknowledged.push({ version, number: this.#timeline.next() })
    this.count('acknowledged')
    this.tell(() => `acknowledged: ${version.position}`)
  }
}
