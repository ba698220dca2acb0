/** Clients with local checks as further askers: what they decide by themselves is held to the extended bound. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Validity } from '../../src/access/fresh-reader.ts'
import { openClient } from '../../src/client/asking/open-client.ts'
import { openServiceAsker, systemNeeds } from '../../src/client/asking/service-asker.ts'
import type { Client, Decision } from '../../src/client/client.ts'
import { CastellanError } from '../../src/client/errors.ts'
import { readLocalOptions } from '../../src/client/local/local-options.ts'
import { type LocalAsker, openLocal } from '../../src/client/local/open-local.ts'
import { openGrpcAccessWire } from '../../src/client/wires/grpc-access-wire.ts'
import { openGrpcChannel } from '../../src/client/wires/grpc-channel.ts'
import { openGrpcWire } from '../../src/client/wires/grpc-wire.ts'
import type { Chance } from './chance.ts'
import { failure } from './grpc-services.ts'
import type { Check } from './history.ts'
import type { Load } from './load.ts'
import { LocalLine } from './local-lines.ts'
import { now } from './recorder.ts'
import type { ReplicaSlot } from './replica.ts'
import { PERMISSIONS, type World } from './world.ts'

const PLAN = readLocalOptions(true)
/** Of which half is for loading: a machine that runs all of this is slow. */
const DEADLINE_MS = 3_000
/** Milliseconds for a fresh stream and all that is loaded. */
const WARM_WITHIN_MS = 10_000
/** A local answer costs nothing: without a pause these lanes would take the processor from the replicas. */
const THINK_MS_MAX = 20

/** Whatever it was told of is taken to be all there is. */
const withoutHeartbeats: Validity = (kept, lastChange, knowledge) =>
  kept.value.position >= lastChange && kept.value.position <= (knowledge.known ?? -1)

export interface LocalQuestion {
  readonly tenant: string
  readonly user: string
  readonly permission: string
}

type LocalAnswer = Pick<Check, 'outcome' | 'staleMs' | 'decidedAt'>

export class LocalClient {
  readonly name: string
  readonly line: LocalLine
  readonly #client: Client
  readonly #local: LocalAsker

  /** When it looked at its clock last. */
  readonly #lookedAt: () => number

  private constructor(name: string, line: LocalLine, local: LocalAsker, lookedAt: () => number) {
    this.name = name
    this.line = line
    this.#lookedAt = lookedAt
    this.#local = local
    this.#client = openClient(local)
  }

  static async open(number: number, slots: readonly ReplicaSlot[], key: string, heartbeats: boolean): Promise<LocalClient> {
    const line = await LocalLine.open(slots, number)
    const channel = openGrpcChannel({ target: line.target, credentials: { key } })
    let lookedAt = 0
    const monotonicMs = () => {
      lookedAt = systemNeeds.clock.monotonicMs()
      return lookedAt
    }
    const local = openLocal({
      ...systemNeeds,
      clock: { ...systemNeeds.clock, monotonicMs },
      service: openServiceAsker(openGrpcWire(channel), { deadlineMs: DEADLINE_MS }, systemNeeds),
      wire: openGrpcAccessWire(channel),
      plan: PLAN,
      deadlineMs: DEADLINE_MS,
      ...(heartbeats ? {} : { holds: withoutHeartbeats }),
    })
    return new LocalClient(`local ${number + 1}`, line, local, () => lookedAt)
  }

  /** One by itself, several as one call. */
  async ask(questions: readonly LocalQuestion[], minPosition?: number): Promise<readonly LocalAnswer[]> {
    const options = minPosition === undefined ? {} : { minPosition }
    try {
      const [only, ...others] = questions
      const answers =
        only !== undefined && others.length === 0
          ? [await this.#client.check(only, options)]
          : await this.#client.checkAll(questions, options)
      const decidedAt = this.#lookedAt()
      return answers.map((answer) => this.#told(answer, decidedAt))
    } catch (fault) {
      if (!(fault instanceof CastellanError)) throw fault
      return questions.map(() => ({ outcome: failure(fault.code) }))
    }
  }

  #told(answer: Decision | CastellanError, decidedAt: number): LocalAnswer {
    if (answer instanceof CastellanError) return { outcome: failure(answer.code) }
    const { allowed, reason, position, policyRevision, decisionId } = answer
    const outcome = { kind: 'answer', allowed, reason, position, policyRevision } as const
    // What the service decided is held to what the service promises.
    return decisionId === undefined ? { outcome, staleMs: PLAN.staleMs, decidedAt } : { outcome }
  }

  /** Loads what lanes will ask for: only what is kept can grow old. */
  async warm(world: World): Promise<void> {
    const pairs = world.users.flatMap((user) => world.tenantsOf(user).map((tenant) => ({ user, tenant })))
    const endMs = now() + WARM_WITHIN_MS
    while (this.#local.status().entries < pairs.length && now() < endMs) {
      if (this.#local.status().state === 'fresh')
        await Promise.all(pairs.map((pair) => this.ask([{ ...pair, permission: PERMISSIONS[0] }])))
      await delay(50)
    }
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.line.close()
  }
}

export async function localLane(load: Load, client: LocalClient, chance: Chance): Promise<void> {
  const { recorder, world } = load.needs
  while (!load.stopped) {
    const recent = recorder.recentPairs
    const question = (): LocalQuestion => {
      const user = chance.pick(world.users)
      const pair = recent.length > 0 && chance.is(0.6) ? chance.pick(recent) : ([chance.pick(world.tenantsOf(user)), user] as const)
      return { tenant: pair[0], user: pair[1], permission: chance.pick(PERMISSIONS) }
    }
    const questions = chance.is(0.2) ? [question(), question(), question()] : [question()]
    await recorder.askLocally(client, questions, chance.is(0.1) ? recorder.highestPosition : undefined)
    await delay(chance.between(0, THINK_MS_MAX))
  }
}
