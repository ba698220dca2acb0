/** What goes on all the time of a run: askers, writers, and questions to all replicas right after a change was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { DatabaseClock } from './database-clock.ts'
import type { Check, Wire } from './history.ts'
import type { Demand, Operation } from './operation.ts'
import type { Recorder } from './recorder.ts'
import type { ReplicaSlot } from './replica.ts'
import type { Question } from './streams.ts'
import { PERMISSIONS, type PolicyFiles, type World } from './world.ts'

export interface Keys {
  readonly admin: string
  /** Of a caller in the database, as services have them. */
  readonly asking: string
}

export interface LoadNeeds {
  readonly world: World
  readonly slots: readonly ReplicaSlot[]
  readonly recorder: Recorder
  readonly clock: DatabaseClock
  readonly files: PolicyFiles
  readonly keys: Keys
  readonly boundMs: number
}

export const WIRES: readonly Wire[] = ['grpc', 'stream', 'http']

/** Between two attempts of what has no certain outcome, and after a failure: a client that does not make an outage worse. */
const AGAIN_MS = 100

/** The means of all lanes. */
export class Load {
  readonly needs: LoadNeeds
  readonly #background = new Set<Promise<unknown>>()
  #labels = 0
  stopped = false

  constructor(needs: LoadNeeds) {
    this.needs = needs
  }

  /** Makes a change until its outcome is certain. @returns what was answered, or `undefined` when it was refused or the run is over */
  async change(chance: Chance, operation: Operation, wait: boolean) {
    const { slots, recorder, keys } = this.needs
    const demand: Demand = { operation, label: `op ${++this.#labels}`, wait }
    while (!this.stopped) {
      const outcome = await recorder.change(chance.pick(slots), chance.is(0.5) ? 'http' : 'grpc', demand, keys.admin)
      if (outcome.kind === 'made') return outcome
      if (outcome.kind === 'refused' && outcome.code !== 'overloaded') return undefined
      await delay(AGAIN_MS)
    }
    return undefined
  }

  /** One question of all replicas over all wires at once. Does not wait for the answers. */
  askAll(question: Question, key: string = this.needs.keys.asking, caller?: string): Promise<readonly Check[]> {
    const { slots, recorder } = this.needs
    const answers = Promise.all(slots.flatMap((slot) => WIRES.map((wire) => recorder.ask(slot, wire, question, key, caller))))
    this.inBackground(answers)
    return answers
  }

  /** Goes on beside the lanes, and is waited for at the end. */
  inBackground(work: Promise<unknown>): void {
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work))
  }

  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background)
  }

  /** Ends early when the load stops. */
  async pause(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !this.stopped; left -= 100) await delay(Math.min(left, 100))
  }
}

/** Asks one replica over one wire, one question after the other. */
export async function askerLane(load: Load, slot: ReplicaSlot, wire: Wire, chance: Chance): Promise<void> {
  const { recorder, keys } = load.needs
  while (!load.stopped) {
    const { outcome } = await recorder.ask(slot, wire, questionOf(load, chance), keys.asking)
    await delay(outcome.kind === 'failure' ? AGAIN_MS : chance.between(0, THINK_MS_MAX))
  }
}

/** Lanes leave the processors of a small machine to the replicas: who only waits shows nothing. */
const THINK_MS_MAX = 50

function questionOf({ needs: { world, recorder } }: Load, chance: Chance): Question {
  const recent = recorder.recentPairs
  const user = chance.pick(world.users)
  const pair = recent.length > 0 && chance.is(0.5) ? chance.pick(recent) : ([chance.pick(world.tenantsOf(user)), user] as const)
  const question = { tenant: pair[0], user: pair[1], permission: chance.pick(PERMISSIONS) }
  return chance.is(0.05) ? { ...question, minPosition: recorder.highestPosition } : question
}
