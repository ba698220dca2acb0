/** What goes on all the time of a run: askers, writers, and questions to all replicas right after a change was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { DatabaseClock } from './database-clock.ts'
import type { Check } from './history.ts'
import type { Logins } from './logins.ts'
import type { Demand, IdentityOperation, Operation } from './operation.ts'
import type { Recorder } from './recorder.ts'
import type { ReplicaSlot } from './replica.ts'
import { questionWith } from './session-writers.ts'
import type { HeldToken, Question } from './streams.ts'
import type { ReplicaWire } from './wires.ts'
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
  readonly logins: Logins
  readonly keys: Keys
  readonly boundMs: number
}

export const WIRES: readonly ReplicaWire[] = ['grpc', 'stream', 'http']

/** Between two attempts of what has no certain outcome, and after a failure: a client that does not make an outage worse. */
const AGAIN_MS = 100

const TOKENS_HELD_MAX = 40
/** Of them, those asked with most: who is logged in asks more than who was. */
const TOKENS_NEW = 6

/** The means of all lanes. */
export class Load {
  readonly needs: LoadNeeds
  readonly #background = new Set<Promise<unknown>>()
  #tokens: readonly HeldToken[] = []
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

  /** As `change`, of what the identity service changes. */
  async changeIdentity(operation: IdentityOperation, wait: boolean) {
    const { recorder, logins } = this.needs
    const demand = { label: `op ${++this.#labels}`, wait }
    while (!this.stopped) {
      const outcome = await recorder.tell(operation.kind, demand, () => logins.change(operation, demand))
      if (outcome.kind === 'made') return outcome
      if (outcome.kind === 'refused') return undefined
      await delay(AGAIN_MS)
    }
    return undefined
  }

  /** The newest first; many of them are over. */
  get tokens(): readonly HeldToken[] {
    return this.#tokens
  }

  async logIn(user: string, tenant: string | null): Promise<HeldToken | undefined> {
    const label = `op ${++this.#labels}`
    this.needs.recorder.noteSent(label)
    return this.#hold(await this.needs.logins.logIn(user, tenant, label))
  }

  async renew(token: HeldToken): Promise<HeldToken | undefined> {
    return this.#hold(await this.needs.logins.renew(token))
  }

  #hold(token: HeldToken | undefined): HeldToken | undefined {
    if (token !== undefined) this.#tokens = [token, ...this.#tokens].slice(0, TOKENS_HELD_MAX)
    return token
  }

  /** Everybody at once: after an acknowledgement as anybody would, without one from its position on, and once more when the bound is over. */
  askAfter(made: { readonly position: number }, wait: boolean, question: Question): void {
    if (wait) void this.askAll(question)
    else {
      void this.askAll({ ...question, minPosition: made.position })
      this.inBackground(delay(this.needs.boundMs).then(() => this.askAll(question)))
    }
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
export async function askerLane(load: Load, slot: ReplicaSlot, wire: ReplicaWire, chance: Chance): Promise<void> {
  const { recorder, keys } = load.needs
  while (!load.stopped) {
    const { outcome } = await recorder.ask(slot, wire, questionOf(load, chance), keys.asking)
    await delay(outcome.kind === 'failure' ? AGAIN_MS : chance.between(0, THINK_MS_MAX))
  }
}

/** Lanes leave the processors of a small machine to the replicas: who only waits shows nothing. */
const THINK_MS_MAX = 50

function questionOf(load: Load, chance: Chance): Question {
  const { recorder } = load.needs
  const held = load.tokens.slice(0, chance.is(0.7) ? TOKENS_NEW : undefined)
  const question = held.length > 0 && chance.is(0.3) ? questionWith(load, chance.pick(held), chance) : namedQuestion(load, chance)
  return chance.is(0.05) ? { ...question, minPosition: recorder.highestPosition } : question
}

function namedQuestion({ needs: { world, recorder } }: Load, chance: Chance): Question {
  const recent = recorder.recentPairs
  const user = chance.pick(world.users)
  const pair = recent.length > 0 && chance.is(0.5) ? chance.pick(recent) : ([chance.pick(world.tenantsOf(user)), user] as const)
  return { tenant: pair[0], user: pair[1], permission: chance.pick(PERMISSIONS) }
}
