/** Everything a run plays on: PostgreSQL, Redis, replicas and the lines to them. Opens and closes; breaks nothing. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCastellan } from '../support/castellan-process.ts'
import { type EmbeddedServer, startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { ControlDatabase } from './control-database.ts'
import { Counters } from './counters.ts'
import { DatabaseClock } from './database-clock.ts'
import { loadServices } from './grpc-services.ts'
import { AUDIENCE, ISSUER, Logins } from './logins.ts'
import { ReplicaSlot } from './replica.ts'
import { PolicyFiles } from './world.ts'

export interface Stage {
  readonly postgres: EmbeddedServer
  readonly redis: TestRedis
  readonly database: ControlDatabase
  readonly clock: DatabaseClock
  readonly files: PolicyFiles
  readonly logins: Logins
  readonly slots: readonly ReplicaSlot[]
  readonly counters: Counters
  readonly adminKey: string
  /** Why processes ended before they were ready. */
  readonly failedStarts: readonly string[]
}

/** What is open, to be closed in reverse. A fault of one does not keep the others open. */
export class Closing {
  readonly #steps: (() => Promise<unknown>)[] = []

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step)
  }

  async close(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step().catch(() => undefined)
  }
}

/** @param closing gets whatever is opened, at once: an interruption may come before all is */
export async function openStage(plan: { readonly replicas: number; readonly validity: boolean }, closing: Closing): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-chaos-'))
  closing.add(async () => rmSync(folder, { recursive: true, force: true }))
  const policies = join(folder, 'policies')
  mkdirSync(policies)
  const files = new PolicyFiles(policies)

  const postgres = await startEmbeddedPostgres()
  closing.add(() => postgres.stop())
  const redis = await startRedis()
  closing.add(() => redis.stop())
  const adminKey = randomBytes(32).toString('base64url')
  const environment = {
    CASTELLAN_DATABASE_URL: postgres.url,
    CASTELLAN_REDIS_URL: redis.url,
    // Its files change while it runs.
    CASTELLAN_POLICY_SOURCE: 'directory',
    CASTELLAN_POLICIES: policies,
    CASTELLAN_POLICY_POLL_SECONDS: '1',
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    CASTELLAN_ADMIN_KEY: adminKey,
    CASTELLAN_ISSUER: ISSUER,
    CASTELLAN_TOKEN_AUDIENCE: AUDIENCE,
  }
  const migrated = await runCastellan(['migrate'], { cwd: folder, environment: { CASTELLAN_DATABASE_URL: postgres.url } })
  if (migrated.code !== 0) throw new Error(`castellan migrate failed:\n${migrated.out}${migrated.err}`)

  const database = new ControlDatabase(postgres.url)
  closing.add(() => database.close())
  // Of its own: a measurement that fails must not take away the connection of a fault.
  const clockDatabase = new ControlDatabase(postgres.url)
  closing.add(() => clockDatabase.close())
  const clock = new DatabaseClock(clockDatabase)
  await clock.measure()

  const logins = await Logins.open(postgres.url)
  closing.add(() => logins.close())

  const failedStarts: string[] = []
  const startFailed = (why: string) => void failedStarts.push(why)
  const replica = { validity: plan.validity, environment, cwd: folder, services: loadServices(), startFailed }
  const slots: ReplicaSlot[] = []
  closing.add(() => Promise.all(slots.map((slot) => slot.kill())))
  // All at once, as a deployment does.
  const names = Array.from({ length: plan.replicas }, (_, number) => String(number + 1))
  const started = await Promise.allSettled(names.map(async (name) => slots.push(await ReplicaSlot.start(name, replica))))
  for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason
  slots.sort((a, b) => a.name.localeCompare(b.name))
  return { postgres, redis, database, clock, files, logins, slots, counters: new Counters(slots), adminKey, failedStarts }
}
