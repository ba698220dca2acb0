/** Walks the holders of some roles, role by role, a page at a time, and hands out each pair once. Judges nobody. Floor 3. */
import { setImmediate } from 'node:timers/promises'
import type { ImpactReader, LivePair, LivePairs } from '../../store/ports.ts'
import { abortable } from '../abortable.ts'

export interface WalkedPage {
  readonly readAtMs: number
  /** Without those whom an earlier role brought. */
  readonly fresh: readonly LivePair[]
  /** Rows of the walk so far, those whom an earlier role brought among them. */
  readonly pairsSoFar: number
}

export class HoldersWalk {
  readonly #impact: ImpactReader
  readonly #roles: readonly string[]
  readonly #pairsAtOnce: number
  readonly #signal: AbortSignal
  #positionFirst: number | undefined
  #positionLast = 0

  constructor(impact: ImpactReader, roles: readonly string[], pairsAtOnce: number, signal: AbortSignal) {
    this.#impact = impact
    this.#roles = roles
    this.#pairsAtOnce = pairsAtOnce
    this.#signal = signal
  }

  /**
   * Between two pages nothing is held open: who changes meanwhile is seen as on the page that brings him. Told from the page alone, a pair that
   * held an earlier role is skipped: one to whom that role was given behind the walk is missed, one from whom it was taken comes again.
   */
  async *pages(): AsyncGenerator<WalkedPage, void, undefined> {
    const walked = new Set<string>()
    let pairsSoFar = 0
    for (const role of this.#roles) {
      let after: LivePair | undefined
      do {
        const page: LivePairs = await this.#read(role, after)
        pairsSoFar += page.pairs.length
        const fresh = page.pairs.filter((pair) => !pair.assignments.some((held) => walked.has(held.role)))
        yield { readAtMs: page.readAtMs, fresh, pairsSoFar }
        after = page.pairs.length < this.#pairsAtOnce ? undefined : page.pairs.at(-1)
        // A database inside this process answers without ever letting others run.
        await setImmediate()
      } while (after !== undefined)
      walked.add(role)
    }
  }

  /** Of the first and the last page. */
  async positions(): Promise<{ readonly positionFirst: number; readonly positionLast: number }> {
    // Nobody to walk: no role has an empty name, so this reads the position alone.
    if (this.#positionFirst === undefined) await this.#read('', undefined)
    return { positionFirst: this.#positionFirst ?? 0, positionLast: this.#positionLast }
  }

  async #read(role: string, after: LivePair | undefined): Promise<LivePairs> {
    const page = await abortable(this.#impact.listLivePairs(role, after, this.#pairsAtOnce), this.#signal)
    this.#positionFirst ??= page.position
    this.#positionLast = page.position
    return page
  }
}
