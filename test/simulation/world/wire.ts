/** The network of the world: how long what is asked takes to arrive and to come back, and what is lost on the way. */
import { StoreError } from '../../../src/model/error-code.ts'
import type { Chance } from './chance.ts'
import type { SimulatedProcess, Timeline } from './clock.ts'

export const TRAFFIC = ['resolve', 'feed', 'replicas', 'policy', 'change', 'redis', 'ring'] as const
/** What travels. */
export type Traffic = (typeof TRAFFIC)[number]
export type Way = 'out' | 'back'

/** Hits the next ones of its kind, as many as it says. */
export interface Disturbance {
  /** Absent: whoever asks. */
  readonly process: SimulatedProcess | undefined
  readonly traffic: Traffic
  readonly way: Way
  /** Absent: lost. */
  readonly extraMs: number | undefined
  left: number
}

/** How a server can be met. */
export interface Reachable {
  /** Calls one of them: `arrive` now or when the server goes on, `refuse` when it is away. */
  reach(arrive: () => void, refuse: () => void): void
}

interface Question<T> {
  readonly process: SimulatedProcess
  readonly traffic: Traffic
  readonly server: Reachable
  /** Calls `answer` once: at once, or later. */
  readonly execute: (answer: (value: T) => void) => void
  /** On the asker's clock. */
  readonly timeoutMs: number
  /** The server gives up with the asker: what arrives later is not executed. */
  readonly endsTogether?: boolean
}

export class Wire {
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #travelMs: readonly [number, number]
  #disturbances: Disturbance[] = []
  readonly #disturbed: () => void

  /** @param travelMs least and most of one way. @param disturbed told whenever a disturbance hits */
  constructor(timeline: Timeline, chance: Chance, travelMs: readonly [number, number], disturbed: () => void) {
    this.#disturbed = disturbed
    this.#timeline = timeline
    this.#chance = chance
    this.#travelMs = travelMs
  }

  disturb(disturbance: Disturbance): void {
    this.#disturbances.push(disturbance)
  }

  calm(): void {
    this.#disturbances = []
  }

  /** Milliseconds one way; `undefined`: it is lost. */
  travel(process: SimulatedProcess, traffic: Traffic, way: Way): number | undefined {
    const usualMs = this.#chance.between(...this.#travelMs)
    const hit = this.#disturbances.find(
      (other) => other.traffic === traffic && other.way === way && (other.process === undefined || other.process === process),
    )
    if (hit === undefined) return usualMs
    this.#disturbed()
    if (--hit.left <= 0) this.#disturbances = this.#disturbances.filter((other) => other !== hit)
    return hit.extraMs === undefined ? undefined : usualMs + hit.extraMs
  }

  /** One statement, of one instant between asking and answer. @throws StoreError */
  ask<T>({ process, traffic, server, execute, timeoutMs, endsTogether = false }: Question<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const sentAtMs = this.#timeline.nowMs
      const lastsMs = timeoutMs / process.rate
      let ended = false
      let cancelTimeout: (() => void) | undefined
      const end = (finish: () => void) => {
        if (ended) return
        ended = true
        cancelTimeout?.()
        finish()
      }
      const fail = (what: string) => end(() => reject(new StoreError(what)))
      /** Only where it can matter: most questions are answered in no time. */
      const limit = () => {
        const leftMs = sentAtMs + lastsMs - this.#timeline.nowMs
        cancelTimeout ??= this.#timeline.after(leftMs, () => process.enter(() => fail('no answer in time')))
      }
      const deliver = (ms: number | undefined, finish: () => void) => {
        // A lost answer is a lost connection, which shows a little later.
        if (ms === undefined) this.#timeline.after(1, () => process.enter(() => fail('the connection was lost')))
        else this.#timeline.after(ms, () => process.enter(finish))
      }
      const outMs = this.travel(process, traffic, 'out')
      const backMs = this.travel(process, traffic, 'back')
      if (outMs === undefined) {
        deliver(undefined, () => undefined)
        return
      }
      if (outMs + (backMs ?? 0) >= lastsMs) limit()
      this.#timeline.after(outMs, () => {
        let answered = false
        const answer = (finish: () => void) => {
          answered = true
          deliver(backMs, () => end(finish))
        }
        const arrive = () => {
          if (!ended || !endsTogether) execute((value) => answer(() => resolve(value)))
        }
        server.reach(arrive, () => answer(() => reject(new StoreError('the server is away'))))
        if (!answered) limit()
      })
    })
  }
}

/** A server that can be away, or stand still. */
export class Reachability implements Reachable {
  readonly #timeline: Timeline
  #state: 'there' | 'away' | 'still' = 'there'
  #waiting: (() => void)[] = []

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  reach(arrive: () => void, refuse: () => void): void {
    if (this.#state === 'there') arrive()
    else if (this.#state === 'away') refuse()
    else this.#waiting.push(() => this.reach(arrive, refuse))
  }

  /** Not while it is away. */
  standStill(): void {
    if (this.#state === 'there') this.#state = 'still'
  }

  /** Nothing, unless it stands still. */
  goOn(): void {
    if (this.#state === 'still') this.become('there')
  }

  become(state: 'there' | 'away'): void {
    this.#state = state
    for (const run of this.#waiting) this.#timeline.after(0, run)
    this.#waiting = []
  }
}
