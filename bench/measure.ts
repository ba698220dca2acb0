/** Measures contenders against each other in turns. Pure but for the clock it is given; prints nothing and knows no workload. */

import { setImmediate } from 'node:timers/promises'

/** One of those who are compared, ready to answer. */
export interface Contender {
  readonly name: string
  /** Asks `count` questions from the table, from question `from` on and around; answers how many were allowed. */
  ask(from: number, count: number): number | Promise<number>
  /** What counts begins now: the first round is over. */
  start?(): void
  /** What has to be known beside its figures. */
  note?(): string
}

export interface MeasureSettings {
  readonly rounds: number
  /** Of each contender in each round. */
  readonly seconds: number
  /** How many questions are in the table. */
  readonly questions: number
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number
  /** After each; 0 is the one that does not count. */
  readonly onRound?: (round: number) => void
  /** Before each contender's turn; ends the run by throwing. */
  readonly onTurn?: () => void
}

export interface Measurement {
  readonly name: string
  /** Checks (or what else the workload counts) per second in each round. */
  readonly rounds: readonly number[]
  /** Of its process, microseconds for each of them, in each round; absent where all share one process. */
  readonly cpuMicros?: readonly number[]
  /** Share of its core that its process used, in each round. Near 1 it is what limits the rate. */
  readonly coreShare?: readonly number[]
}

/** As in a server, the event loop turns meanwhile: streams are read and timers run, for all alike. Milliseconds. */
const TURN_MS = 10
/** Questions between two looks at the clock: a look must cost nothing beside them, and the slowest must not be late by much. */
const BATCH = 64

/**
 * Rounds are interleaved and each begins with another contender: whatever else the machine does meets all of them alike. One round before the
 * first is thrown away, so that nobody is measured while it is being compiled.
 */
export async function measure(contenders: readonly Contender[], settings: MeasureSettings): Promise<readonly Measurement[]> {
  const rates = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round <= settings.rounds; round += 1) {
    // What is told beside the figures is of the rounds that count, too.
    if (round === 1) for (const contender of contenders) contender.start?.()
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(turn + round) % contenders.length]
      if (contender === undefined) continue
      settings.onTurn?.()
      const rate = await ratePerSecond(contender, settings)
      if (round > 0) rates.get(contender.name)?.push(rate)
    }
    settings.onRound?.(round)
  }
  return contenders.map(({ name }) => ({ name, rounds: rates.get(name) ?? [] }))
}

async function ratePerSecond(contender: Contender, { seconds, questions, nowMs }: MeasureSettings): Promise<number> {
  await setImmediate()
  const startedAtMs = nowMs()
  let turnAtMs = startedAtMs + TURN_MS
  const endAtMs = startedAtMs + seconds * 1000
  let asked = 0
  let endedAtMs = startedAtMs
  // At least once, so that there is a rate however short the time is.
  do {
    const answer = contender.ask(asked % questions, BATCH)
    // No microtask is charged to those who answer at once.
    if (typeof answer !== 'number') await answer
    asked += BATCH
    endedAtMs = nowMs()
    if (endedAtMs >= turnAtMs) {
      await setImmediate()
      turnAtMs = nowMs() + TURN_MS
    }
  } while (endedAtMs < endAtMs)
  return endedAtMs === startedAtMs ? Number.POSITIVE_INFINITY : (asked * 1000) / (endedAtMs - startedAtMs)
}

export interface Summary {
  readonly name: string
  readonly median: number
  /** Median absolute deviation: half of the rounds are nearer to the median than this. */
  readonly mad: number
  readonly least: number
  readonly most: number
  /** Of the medians: this one over the first one's. */
  readonly ratio: number
  /** Medians, where they were measured. */
  readonly cpuMicros?: number
  readonly coreShare?: number
}

/** @throws RangeError without a round */
export function summarize(measurements: readonly Measurement[]): readonly Summary[] {
  const base = measurements[0] === undefined ? Number.NaN : median(measurements[0].rounds)
  return measurements.map(({ name, rounds, cpuMicros, coreShare }) => {
    const middle = median(rounds)
    return {
      name,
      median: middle,
      mad: median(rounds.map((rate) => Math.abs(rate - middle))),
      least: Math.min(...rounds),
      most: Math.max(...rounds),
      ratio: middle / base,
      ...(cpuMicros === undefined ? {} : { cpuMicros: median(cpuMicros) }),
      ...(coreShare === undefined ? {} : { coreShare: median(coreShare) }),
    }
  })
}

/** @throws RangeError for no numbers */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('There is no median of nothing')
  return (upper + lower) / 2
}

/**
 * Who does not answer as the first one does, and to which question; nothing is measured before there is nobody.
 * @param describe the question in words
 */
export async function findDisagreement(
  contenders: readonly Contender[],
  questions: number,
  describe: (question: number) => string,
): Promise<string | undefined> {
  const [first, ...others] = contenders
  if (first === undefined) return undefined
  for (let question = 0; question < questions; question += 1) {
    const wanted = await first.ask(question, 1)
    for (const other of others) {
      const answer = await other.ask(question, 1)
      if (answer !== wanted) return `${first.name} says ${yesOrNo(wanted)} and ${other.name} ${yesOrNo(answer)} to ${describe(question)}`
    }
  }
  return undefined
}

function yesOrNo(allowed: number): string {
  return allowed === 1 ? 'yes' : 'no'
}
