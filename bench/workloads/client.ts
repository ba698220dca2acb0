/** What a check costs its caller: our client as it is by default, against the bare clients that it stands on, each in a process of its own. */
import { type CallerTold, openCaller, type RunningCaller } from '../callers/run-caller.ts'
import { plainQuestions } from '../facts.ts'
import { needLinux } from '../load/generators.ts'
import { median } from '../measure.ts'
import { answersOf } from '../questions.ts'
import type { Study, StudyResult } from '../study.ts'
import { openOurs } from './servers-in-turn.ts'

const KINDS = ['castellan', 'grpc-js', 'node:http'] as const
const NAMES: Readonly<Record<(typeof KINDS)[number], string>> = {
  castellan: 'castellan client',
  'grpc-js': 'bare grpc-js, unary',
  'node:http': 'bare node:http, keep-alive',
}
const AT_ONCE = 64
const QUESTIONS = 512

export const client: Study = {
  name: 'client',
  title: "The caller's processor time a check",
  async run(bench): Promise<StudyResult> {
    const { say, stage, signal, rounds, seconds, onRound } = bench
    needLinux()
    say('starting the service')
    const { server } = await openOurs(bench)
    const facts = await stage.facts()
    const expected = answersOf(facts)
    const questions = plainQuestions(facts)
      .slice(0, QUESTIONS)
      .map((question) => ({ question, allowed: expected(question) }))
    const { grpcPort, httpPort, key } = server
    const callers: RunningCaller[] = []
    const told = KINDS.map(() => [] as CallerTold[])
    try {
      for (const kind of KINDS)
        callers.push(await openCaller({ kind, grpcPort, httpPort, key, atOnce: AT_ONCE, questions }, stage.place.load, signal))
      say(`warming up, then ${rounds} rounds`)
      for (let round = 0; round <= rounds; round += 1) {
        for (let turn = 0; turn < callers.length; turn += 1) {
          signal.throwIfAborted()
          const which = (turn + round) % callers.length
          const one = await callers[which]?.askFor(seconds)
          if (one !== undefined && round > 0) told[which]?.push(one)
        }
        onRound(round)
      }
    } finally {
      for (const caller of callers) await caller.close()
    }
    return resultOf(told)
  },
}

function resultOf(told: readonly (readonly CallerTold[])[]): StudyResult {
  const micros = told.map((rounds) => median(rounds.map(({ cpuMicros }) => cpuMicros)))
  const rates = told.map((rounds) => median(rounds.map(({ perSecond }) => perSecond)))
  const [ours = Number.NaN, grpc = Number.NaN, http = Number.NaN] = micros
  return {
    facts: `${AT_ONCE} checks under way at once, one service, default settings`,
    columns: ['', "caller's CPU µs", 'of castellan client', 'checks/s'],
    rows: KINDS.map((kind, at) => [
      NAMES[kind],
      (micros[at] ?? 0).toFixed(1),
      `${((micros[at] ?? 0) / ours).toFixed(1)} ×`,
      (rates[at] ?? 0).toFixed(0),
    ]),
    figures: {
      castellan_us: ours,
      grpc_us: grpc,
      http_us: http,
      castellan_over_grpc: ours / grpc,
      castellan_over_http: ours / http,
    },
    notes: ['checks/s is what one caller and one service come to together; the processor time is of the caller alone.'],
  }
}
