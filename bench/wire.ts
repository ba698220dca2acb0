/**
 * The kind of workload whose contenders are servers in processes of their own, loaded in turns by another process. Pure but for the clocks it is
 * given: it starts no server, and knows no load generator.
 */
import { type Measurement, summarize } from './measure.ts'
import type { WorkloadResult } from './report.ts'
import type { Bench, Workload } from './workload.ts'

/** What one turn of load came to. */
export interface Loaded {
  /** Answered in time, all of them well. */
  readonly requests: number
  /** That it took. */
  readonly seconds: number
}

/** One of the servers that are compared. */
export interface WireContender {
  readonly name: string
  /** What it is in the sentence about ratios. */
  readonly role: 'ours' | 'peer' | 'floor'
  /** Checks (or what the workload counts) in one request. */
  readonly unitsPerRequest: number
  /** Microseconds on a processor so far, of all of its processes. */
  processorMicros(): number
  /**
   * Loads it for so long.
   * @param round the same for all contenders of a round, so that all can be asked the same
   * @throws Error for an answer that is not the one it has to give, for a server that ended
   */
  load(seconds: number, round: number): Promise<Loaded>
  /** What has to be known beside its figures. */
  note?(): string
}

export interface OpenWireWorkload {
  /** In the order of the report; the first is what the others are compared with. */
  readonly contenders: readonly WireContender[]
  /** For the report: what is asked. */
  readonly facts: string
  readonly notes?: readonly string[]
  /** Of what was opened for this workload alone; servers of the stage stay. */
  close?(): Promise<void>
}

export interface WirePlan {
  readonly name: string
  readonly title: string
  /** What is counted, such as `checks/s`. */
  readonly unit: string
  /** Has everybody up and asked the same questions once, with the same answers. */
  open(bench: Bench): Promise<OpenWireWorkload>
}

export function wireWorkload(plan: WirePlan): Workload {
  return {
    name: plan.name,
    title: plan.title,
    async run(bench) {
      bench.say('starting the servers, and asking all of them the same')
      const { contenders, facts, notes = [], close } = await plan.open(bench)
      try {
        bench.say(`warming up, then ${bench.rounds} rounds`)
        const measurements = await measureWire(contenders, bench)
        const summaries = summarize(measurements)
        const own = contenders.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note()}`]))
        return {
          ...{ workload: plan.name, title: plan.title, unit: plan.unit, facts, measurements, summaries },
          roles: Object.fromEntries(contenders.map(({ name, role }) => [name, role])),
          notes: [...notes, ...own],
        } satisfies WorkloadResult
      } finally {
        await close?.()
      }
    },
  }
}

/** Rounds as in measure.ts: interleaved, each begins with another one, the first is thrown away. */
export async function measureWire(
  contenders: readonly WireContender[],
  { rounds, seconds, onRound, signal }: Pick<Bench, 'rounds' | 'seconds' | 'onRound' | 'signal'>,
): Promise<readonly Measurement[]> {
  const seen = contenders.map(({ name }) => ({ name, rounds: [] as number[], cpuMicros: [] as number[], coreShare: [] as number[] }))
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const at = (turn + round) % contenders.length
      const [contender, figures] = [contenders[at], seen[at]]
      if (contender === undefined || figures === undefined) continue
      signal.throwIfAborted()
      const { units, took, micros } = await takeTurn(contender, round === 0 ? Math.max(seconds, WARM_UP_SECONDS) : seconds, round)
      if (round === 0) continue
      figures.rounds.push(units / took)
      figures.cpuMicros.push(micros / units)
      figures.coreShare.push(micros / (took * 1_000_000))
    }
    onRound(round)
  }
  return seen
}

/** Of the round that does not count, at least: a server that just started runs code that is not compiled yet. */
const WARM_UP_SECONDS = 2

/** A busy machine may not get through one large request within the time: it is asked again for longer, up to this many times as long. */
const LONGER_MAX = 8

/** @throws Error when nothing is answered however long it is asked */
async function takeTurn(
  contender: WireContender,
  seconds: number,
  round: number,
): Promise<{ units: number; took: number; micros: number }> {
  for (let times = 1; times <= LONGER_MAX; times *= 2) {
    const before = contender.processorMicros()
    const { requests, seconds: took } = await contender.load(seconds * times, round)
    const micros = contender.processorMicros() - before
    if (requests > 0) return { units: requests * contender.unitsPerRequest, took, micros }
  }
  throw new Error(`${contender.name} answered nothing within ${seconds * LONGER_MAX} s`)
}
