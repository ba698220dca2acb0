/** What waits for one reader of the live stream, in order, bounded: when it is full the oldest is lost, and counted where it stood. Floor 5. */
import type { DecisionRecord } from '../../model/decision-record.ts'
import type { LiveEvent } from '../../model/live-decisions.ts'

export interface LiveQueueBounds {
  readonly recordsMax: number
  readonly bytesMax: number
}

type Waiting = { readonly record: DecisionRecord; readonly bytes: number } | { unseen: number }

/**
 * The oldest, because whoever watches wants to see what happens now; and because all that is lost then lies before all that waits,
 * so that one count at the front tells of it, exactly and in its place.
 */
export class LiveQueue {
  readonly #bounds: LiveQueueBounds
  /** A ring: taking from its front moves nothing. */
  readonly #ring: (Waiting | undefined)[] = []
  #first = 0
  #length = 0
  #bytes = 0
  /** Of the front. */
  #lost = 0
  #unseen = 0

  constructor(bounds: LiveQueueBounds) {
    this.#bounds = bounds
  }

  get empty(): boolean {
    return this.#length === 0 && this.#lost === 0 && this.#unseen === 0
  }

  /** Bytes of the records that wait, as they were given. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param bytes that it takes; one record may take more than there is room for, and then waits alone */
  add(record: DecisionRecord, bytes: number): void {
    while (this.#length > 0 && (this.#length >= this.#bounds.recordsMax || this.#bytes + bytes > this.#bounds.bytesMax)) this.#loseOldest()
    this.#push({ record, bytes })
    this.#bytes += bytes
  }

  /** So many were lost before anybody saw whether they belong here. */
  addUnseen(count: number): void {
    const last = this.#length === 0 ? undefined : this.#ring[(this.#first + this.#length - 1) % this.#bounds.recordsMax]
    if (last !== undefined && 'unseen' in last) {
      last.unseen += count
      return
    }
    if (this.#length >= this.#bounds.recordsMax) this.#loseOldest()
    this.#push({ unseen: count })
  }

  /** What waits, what was lost first: at most `recordsMax` and `bytesMax` of records, but at least one. Empty when nothing waits. */
  take({ recordsMax, bytesMax }: LiveQueueBounds): LiveEvent[] {
    const taken: LiveEvent[] = []
    if (this.#unseen > 0) taken.push({ kind: 'lost', count: this.#unseen, atMost: true })
    if (this.#lost > 0) taken.push({ kind: 'lost', count: this.#lost, atMost: false })
    this.#unseen = 0
    this.#lost = 0
    let bytes = 0
    while (this.#length > 0 && taken.length < recordsMax) {
      const next = this.#ring[this.#first]
      if (next !== undefined && 'record' in next) {
        if (bytes > 0 && bytes + next.bytes > bytesMax) break
        bytes += next.bytes
        taken.push({ kind: 'decision', record: next.record })
      } else if (next !== undefined) taken.push({ kind: 'lost', count: next.unseen, atMost: true })
      this.#shift()
    }
    return taken
  }

  #loseOldest(): void {
    const oldest = this.#shift()
    if (oldest === undefined) return
    if ('unseen' in oldest) this.#unseen += oldest.unseen
    else this.#lost += 1
  }

  #push(item: Waiting): void {
    this.#ring[(this.#first + this.#length) % this.#bounds.recordsMax] = item
    this.#length += 1
  }

  #shift(): Waiting | undefined {
    const item = this.#ring[this.#first]
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#bounds.recordsMax
    this.#length -= 1
    if (item !== undefined && 'record' in item) this.#bytes -= item.bytes
    return item
  }
}
