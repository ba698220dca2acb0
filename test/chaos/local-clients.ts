/** Clients with local checks as further askers: what they decide by themselves is held to the extended bound. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Validity } from '../../src/access/fresh-reader.ts'
import { openClient } from '../../src/client/asking/open-client.ts'
import { openServiceAsker, systemNeeds } from '../../src/client/asking/service-asker.ts'
import type { Client } from '../../src/client/client.ts'
import { CastellanError } from '../../src/client/errors.ts'
import { readLocalOptions } from '../../src/client/local/local-options.ts'
import { type LocalAsker, openLocal } from '../../src/client/local/open-local.ts'
import { openGrpcAccessWire } from '../../src/client/wires/grpc-access-wire.ts'
import { openGrpcChannel } from '../../src/client/wires/grpc-channel.ts'
import { openGrpcWire } from '../../src/client/wires/grpc-wire.ts'
import type { Chance } from './chance.ts'
import { failure } from './grpc-services.ts'
import type { Answer, Failure } from './history.ts'
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

export class LocalClient {
  readonly name: string
  readonly line: LocalLine
  readonly #client: Client
  readonly #local: LocalAsker

  private constructor(name: string, line: LocalLine, local: LocalAsker) {
    this.name = name
    this.line = line
    this.#local = local
    this.#client = openClient(local)
  }

  static async open(number: number, slots: readonly ReplicaSlot[], key: string, heartbeats: boolean): Promise<LocalClient> {
    const line = await LocalLine.open(slots, number)
    const channel = openGrpcChannel({ target: line.target, credentials: { key } })
    const local = openLocal({
      ...systemNeeds,
      service: openServiceAsker(openGrpcWire(channel), { deadlineMs: DEADLINE_MS }, systemNeeds),
      wire: openGrpcAccessWire(channel),
      plan: PLAN,
      deadlineMs: DEADLINE_MS,
      ...(heartbeats ? {} : { holds: withoutHeartbeats }),
    })
    return new LocalClient(`local ${number + 1}`, line, local)
  }

  async ask(question: {
    readonly tenant: string
    readonly user: string
    readonly permission: string
  }): Promise<{ readonly outcome: Answer | Failure; readonly staleMs?: number }> {
    try {
      const { allowed, reason, position, policyRevision, decisionId } = await this.#client.check(question)
      const outcome = { kind: 'answer', allowed, reason, position, policyRevision } as const
      // What the service decided is held to what the service promises.
      return decisionId === undefined ? { outcome, staleMs: PLAN.staleMs } : { outcome }
    } catch (fault) {
      if (!(fault instanceof CastellanError)) throw fault
      return { outcome: failure(fault.code) }
    }
  }

  /** Loads what lanes will ask for: only what is kept can grow old. */
  async warm(world: World): Promise<void> {
    const pairs = world.users.flatMap((user) => world.tenantsOf(user).map((tenant) => ({ user, tenant })))
    const endMs = now() + WARM_WITHIN_MS
    while (this.#local.status().entries < pairs.length && now() < endMs) {
      if (this.#local.status().state === 'fresh') await Promise.all(pairs.map((pair) => this.ask({ ...pair, permission: PERMISSIONS[0] })))
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
    const user = chance.pick(world.users)
    const pair = recent.length > 0 && chance.is(0.6) ? chance.pick(recent) : ([chance.pick(world.tenantsOf(user)), user] as const)
    await recorder.askLocally(client, { tenant: pair[0], user: pair[1], permission: chance.pick(PERMISSIONS) })
    await delay(chance.between(0, THINK_MS_MAX))
  }
}
