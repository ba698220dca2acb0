/** The whole simulated world: carries out a schedule and returns what was seen from outside. The same schedule makes the same history. */
import type { History } from '../history.ts'
import type { Action, Schedule } from '../schedule.ts'
import type { Variant } from '../variants.ts'
import { Asking, PAIRS } from './asking.ts'
import { Chance } from './chance.ts'
import { Timeline } from './clock.ts'
import { SimulatedDatabase } from './database.ts'
import { REVISIONS, ROLES } from './policies.ts'
import { Population } from './population.ts'
import { Recorder } from './recorder.ts'
import { SimulatedRedis } from './redis.ts'
import type { Replica } from './replica.ts'
import type { Rows } from './rows.ts'
import { Reachability, Wire } from './wire.ts'

const FIRST: Rows = {
  suspended: [],
  deactivated: [],
  assignments: [
    { id: 'grant-0000', ...PAIRS[0], role: ROLES[0], validFromMs: 0, expiresAtMs: null },
    { id: 'grant-0001', ...PAIRS[2], role: ROLES[1], validFromMs: 0, expiresAtMs: null },
  ],
  policy: { revision: REVISIONS[0] ?? '', position: 1 },
}
/** Ways one way or the other until all replicas have started. */
const WAYS_TO_START = 11
/** After the last step all is well again; so long it may take until every check is answered. */
const HEALING_MS = 2_600
const LAST_ANSWERS_MS = 150
/** Silent for so long, a replica counts as dead here: the product waits longer, and only has to wait longer than the freshness bound. */
const BURIED_AFTER_MS = 2_000

export interface Run extends History {
  readonly counts: ReadonlyMap<string, number>
  readonly events: number
  /** What happened, one line each; empty unless it was asked for. */
  readonly told: readonly string[]
}

export async function runWorld(schedule: Schedule, variant?: Variant, tells = false): Promise<Run> {
  return await new World(schedule, variant, tells).run()
}

class World {
  readonly #schedule: Schedule
  readonly #timeline = new Timeline()
  readonly #recorder: Recorder
  readonly #wire: Wire
  readonly #database: SimulatedDatabase
  readonly #databaseReachability: Reachability
  readonly #redis: SimulatedRedis | undefined
  readonly #population: Population
  readonly #asking: Asking
  #downUntilMs = 0

  constructor(schedule: Schedule, variant: Variant | undefined, tells: boolean) {
    const timeline = this.#timeline
    const recorder = new Recorder(timeline, tells)
    const wire = new Wire(timeline, new Chance(schedule.seed), schedule.travelMs, () => recorder.count('disturbed'))
    const database = new SimulatedDatabase(timeline, FIRST, variant?.sequence === true, (version) =>
      recorder.tell(() => `committed: ${version.position} ${JSON.stringify(version.entry)}`),
    )
    const databaseReachability = new Reachability(timeline)
    const redis = schedule.redis ? new SimulatedRedis(timeline) : undefined
    this.#schedule = schedule
    this.#recorder = recorder
    this.#wire = wire
    this.#database = database
    this.#databaseReachability = databaseReachability
    this.#redis = redis
    this.#population = new Population(schedule.drifts, { timeline, wire, database, databaseReachability, redis, variant, recorder })
    this.#asking = new Asking({ timeline, database, recorder, replicas: () => this.#population.all })
  }

  async run(): Promise<Run> {
    const timeline = this.#timeline
    for (let index = 0; index < this.#schedule.replicas; index++) this.#population.begin()
    let endMs = WAYS_TO_START * this.#schedule.travelMs[1]
    for (const { afterMs, action } of this.#schedule.steps) {
      endMs += Math.max(0, afterMs)
      timeline.after(endMs, () => this.#act(action))
    }
    // What was asked last is answered, or its answer is too late to be wrong.
    let events = await timeline.passUntil(endMs + LAST_ANSWERS_MS)
    if (this.#schedule.heals) events += await this.#heal(Math.max(timeline.nowMs, this.#downUntilMs))
    // Node forgets what this world leaves behind, and complains of rejections that nobody handled, only between two turns of its loop.
    await new Promise((resolve) => setImmediate(resolve))
    const { checks, acknowledged, counts, told, fault } = this.#recorder
    if (fault !== undefined) throw fault
    return { versions: this.#database.versions, acknowledged, checks, counts, events, told }
  }

  #act(action: Action): void {
    this.#timeline.touch()
    const replica = 'replica' in action && action.replica !== null ? this.#population.pick(action.replica) : undefined
    this.#recorder.tell(() => `** ${replica?.id ?? 'all'}: ${describeAction(action)}`)
    if (action.kind === 'disturb') this.#disturb(replica, action)
    else if (replica === undefined) this.#actOnServers(action)
    else this.#actOnReplica(replica, action)
  }

  #disturb(replica: Replica | undefined, { traffic, way, extraMs, count }: Action & { kind: 'disturb' }): void {
    this.#wire.disturb({ process: replica?.process, traffic, way, extraMs: extraMs ?? undefined, left: count })
  }

  #actOnReplica(replica: Replica, action: Action): void {
    const { process } = replica
    switch (action.kind) {
      case 'change':
        this.#asking.change(replica, action)
        return
      case 'check': {
        const highest = this.#recorder.highestTold
        const minPosition = { none: undefined, told: highest, beyond: highest + 1 }[action.least]
        this.#asking.check(replica, { ...action, minPosition, healthy: false })
        return
      }
      case 'pause':
        process.stop()
        this.#timeline.after(action.forMs, () => process.continue())
        return
      case 'suspend':
        process.suspend()
        this.#timeline.after(action.forMs, () => process.continue())
        return
      case 'cut':
        this.#still(replica.line, action.forMs)
        return
      case 'bury':
        this.#bury(replica)
        return
      case 'crash':
        this.#population.replace(replica, action.againAfterMs)
        return
      case 'leave':
        this.#population.leave(replica, action.againAfterMs)
    }
  }

  /** As tidying does on another replica: unless the row has moved meanwhile. */
  #bury({ id }: Replica): void {
    const row = this.#database.listReplicas().find((other) => other.id === id)
    if (row === undefined || this.#database.down || this.#database.nowMs() - row.seenAtMs < BURIED_AFTER_MS) return
    this.#database.removeReplica(id, row.beat)
    this.#recorder.count('buried')
  }

  #actOnServers(action: Action): void {
    const redis = this.#redis
    switch (action.kind) {
      case 'database':
        if (action.goes === 'away') this.#away(action.forMs, { back: 0, snapshot: false })
        else this.#still(this.#databaseReachability, action.forMs)
        return
      case 'restore':
        this.#away(action.forMs, action)
        return
      case 'prune':
        this.#database.prune()
        return
      case 'age':
        this.#database.age()
        redis?.age()
        return
      case 'redis':
        if (redis === undefined) return
        if (action.goes === 'still') this.#still(redis.reachability, action.forMs)
        else {
          redis.goAway()
          this.#timeline.after(action.forMs, () => redis.reachability.become('there'))
        }
        return
      case 'redis-flush':
        redis?.flush()
        return
      case 'redis-copy':
        redis?.copy()
        return
      case 'redis-old-copy':
        redis?.restoreCopy(action.which)
        return
      case 'redis-resurrect':
        redis?.resurrect(action.oldest)
    }
  }

  #away(forMs: number, restore: { readonly back: number; readonly snapshot: boolean }): void {
    if (this.#database.down) return
    this.#database.goDown()
    this.#databaseReachability.become('away')
    this.#downUntilMs = this.#timeline.nowMs + forMs
    this.#timeline.after(forMs, () => {
      const lost = this.#database.comeUp(restore)
      this.#databaseReachability.become('there')
      if (lost > 0) this.#recorder.count('restored')
      this.#recorder.tell(() => `the database is there again, without ${lost} versions`)
    })
  }

  #still(server: Reachability, forMs: number): void {
    server.standStill()
    this.#timeline.after(forMs, () => server.goOn())
  }

  /** What is under way ends by itself; all that was away or stood still is there again, and everybody is asked about everything. */
  async #heal(fromMs: number): Promise<number> {
    const timeline = this.#timeline
    let events = await timeline.passUntil(fromMs)
    this.#recorder.tell(() => '** from here on all is well')
    this.#wire.calm()
    this.#databaseReachability.goOn()
    this.#redis?.reachability.become('there')
    for (const replica of this.#population.all) {
      replica.line.goOn()
      replica.process.continue()
    }
    events += await timeline.passUntil(fromMs + HEALING_MS)
    for (const replica of this.#population.all)
      for (const pair of PAIRS.keys())
        this.#asking.check(replica, { pair, permission: 0, minPosition: undefined, patienceMs: null, healthy: true })
    return events + (await timeline.passUntil(fromMs + HEALING_MS + LAST_ANSWERS_MS))
  }
}

function describeAction({ kind, ...rest }: Action): string {
  const { replica: _, ...about } = { replica: undefined, ...rest }
  return `${kind} ${JSON.stringify(about).replaceAll('"', '')}`
}
