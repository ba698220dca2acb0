/** One replica of the world: the real parts of src/access and src/decision, on a simulated clock, wire, database and Redis. */
import { type Freshness, type FreshnessNeeds, openFreshness } from '../../../src/access/freshness.ts'
import { openMemoryLevel } from '../../../src/cache/memory.ts'
import { openStateMemory } from '../../../src/cache/state-memory.ts'
import { openDecisionPoint } from '../../../src/decision/decision-point.ts'
import { openLog } from '../../../src/ground/log.ts'
import type { DecisionPoint } from '../../../src/model/decision.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import { FEED_READ_TIMEOUT_MS, STORE_ANSWER_TIMEOUT_MS } from '../../../src/model/limits.ts'
import { KEY_OF, type Variant } from '../variants.ts'
import type { SimulatedProcess, Timeline } from './clock.ts'
import type { SimulatedDatabase } from './database.ts'
import { FetchedPolicy, policyOf } from './policies.ts'
import type { Recorder } from './recorder.ts'
import { type SimulatedRedis, SimulatedSharedLevel } from './redis.ts'
import { Reachability, type Traffic, type Wire } from './wire.ts'

export interface Surroundings {
  readonly timeline: Timeline
  readonly wire: Wire
  readonly database: SimulatedDatabase
  readonly databaseReachability: Reachability
  /** Absent: no Redis. */
  readonly redis: SimulatedRedis | undefined
  /** To all replicas but this one. */
  readonly ringOthers: (replica: Replica) => void
  readonly variant: Variant | undefined
  readonly recorder: Recorder
}

export interface Opened {
  readonly freshness: Freshness
  readonly decisions: DecisionPoint
}

const LOG = openLog('silent')
/** Fewer than there are pairs, so that some are pushed out. */
const ENTRIES_MAX = 5
const ENTRIES_BYTES_MAX = 1_000_000

export class Replica {
  readonly id: string
  readonly process: SimulatedProcess
  opened: Opened | undefined
  readonly #around: Surroundings
  #ring: () => void = () => undefined
  /** Checks under way. */
  asked = 0
  /** Between it and the database: while it stands still, nothing it asks arrives. */
  readonly line: Reachability

  constructor(id: string, process: SimulatedProcess, around: Surroundings) {
    this.id = id
    this.process = process
    this.#around = around
    this.line = new Reachability(around.timeline)
  }

  /** @throws StoreError when the database could not be read */
  async open(): Promise<void> {
    const { variant } = this.#around
    const known = { position: () => 0 }
    const made = this.#needs()
    const shared = made.shared instanceof SimulatedSharedLevel ? made.shared : undefined
    const needs = variant?.needs?.(made, { known: () => known.position(), shared }) ?? made
    const freshness = await openFreshness(needs)
    known.position = () => freshness.status().position ?? 0
    const acknowledgement = variant?.acknowledgement?.(freshness.acknowledgement) ?? freshness.acknowledgement
    const decisions = openDecisionPoint({
      resolver: variant?.resolver?.(freshness.resolver) ?? freshness.resolver,
      access: { listHolders: () => Promise.reject(new StoreError('lists are not simulated')) },
      policy: needs.policy,
      clock: needs.clock,
      random: { uuid: () => '', bytes: (length) => new Uint8Array(length) },
    })
    this.opened = { freshness: { ...freshness, acknowledgement }, decisions }
  }

  /** The doorbell rings here. */
  hear(): void {
    this.process.enter(() => this.#ring())
  }

  /** Has the database do something that takes its time. @throws StoreError */
  askLater<T>(execute: (answer: (value: T) => void) => void): Promise<T> {
    return this.#ask('change', execute, STORE_ANSWER_TIMEOUT_MS)
  }

  #askNow<T>(traffic: Traffic, execute: () => T, timeoutMs = STORE_ANSWER_TIMEOUT_MS): Promise<T> {
    return this.#ask(traffic, (answer: (value: T) => void) => answer(execute()), timeoutMs)
  }

  #ask<T>(traffic: Traffic, execute: (answer: (value: T) => void) => void, timeoutMs: number): Promise<T> {
    const { wire, databaseReachability } = this.#around
    const server = {
      reach: (arrive: () => void, refuse: () => void) => this.line.reach(() => databaseReachability.reach(arrive, refuse), refuse),
    }
    const endsTogether = traffic === 'feed'
    return wire.ask({ process: this.process, traffic, server, execute, timeoutMs, endsTogether })
  }

  #told<T extends { readonly position?: number; readonly head?: number }>(what: string, answer: T): T {
    this.#around.recorder.tell(() => `${this.id} ${what}: as of ${answer.position ?? answer.head}`)
    return answer
  }

  #needs(): FreshnessNeeds {
    const { database, redis, wire, variant, recorder, ringOthers } = this.#around
    const { process, id } = this
    const askFeed = <T>(execute: () => T) => this.#askNow('feed', execute, FEED_READ_TIMEOUT_MS)
    const askReplicas = <T>(execute: () => T) => this.#askNow('replicas', execute)
    const reads = {
      answered: (level: 'memory' | 'redis' | 'store') => recorder.count(level),
      outdated: () => recorder.count('outdated'),
      refused: () => recorder.count('refused'),
    }
    const bounds = { entriesMax: ENTRIES_MAX, bytesMax: ENTRIES_BYTES_MAX }
    return {
      replicaId: id,
      store: {
        access: {
          resolve: (tenant, user) => this.#askNow('resolve', () => this.#told(`reads ${tenant} / ${user}`, database.resolve(tenant, user))),
        },
        records: { findCallerByKeyHash: () => Promise.reject(new StoreError('callers are not simulated')) },
        identity: {
          findCallerById: () => Promise.reject(new StoreError('callers are not simulated')),
          findSession: () => Promise.reject(new StoreError('sessions are not simulated')),
          findKeys: () => Promise.reject(new StoreError('keys are not simulated')),
        },
        replicas: {
          list: () => askReplicas(() => database.listReplicas()),
          remove: (other, beat) => askReplicas(() => database.removeReplica(other, beat)),
        },
        pruneFeed: () => Promise.resolve(false),
      },
      feed: {
        register: () => askReplicas(() => database.register(id)),
        read: (report) =>
          askFeed(() => {
            const reading = database.readFeed(id, report)
            const { knownPosition } = report
            return knownPosition === reading.head && reading.registered
              ? reading
              : this.#told(`reads the feed after ${knownPosition}`, reading)
          }),
        findPositionBefore: () => askReplicas(() => database.positionBefore()),
        renewIncarnation: (old) => askReplicas(() => database.renewIncarnation(old)),
        unregister: () => askReplicas(() => database.unregister(id)),
      },
      doorbell: {
        ring: () => ringOthers(this),
        onRing: (listener) => {
          this.#ring = listener
        },
      },
      policy: new FetchedPolicy((revision) => this.#askNow('policy', () => policyOf(revision))),
      memory: {
        states: openStateMemory(bounds),
        callers: openMemoryLevel(bounds),
        sessions: openMemoryLevel(bounds),
        keys: openMemoryLevel(bounds),
      },
      shared: redis && new SimulatedSharedLevel({ redis, wire, process, keyOf: variant?.keyOf ?? KEY_OF }),
      clock: process.clock,
      log: LOG,
      observe: {
        states: reads,
        callers: reads,
        sessions: reads,
        keys: reads,
        effective: () => undefined,
        applied: () => undefined,
        readFailed: () => recorder.count('reading failed'),
      },
    }
  }
}
