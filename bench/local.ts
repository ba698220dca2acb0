/** The kind of workload whose contenders answer in this process. Sees that all answer alike, then measures; prints nothing. */
import { findDisagreement, measure, summarize } from './measure.ts'
import type { OpenWorkload, Workload } from './workload.ts'

export function localWorkload(name: string, title: string, open: () => Promise<OpenWorkload>): Workload {
  return {
    name,
    title,
    async run({ say, onRound, rounds, seconds, nowMs, signal }) {
      say('starting the service, and everybody with the same facts')
      const { contenders, questions, facts, describe, close, notes: missing = [] } = await open()
      try {
        say(`comparing all answers, questions ${questions}`)
        const disagreement = await findDisagreement(contenders, questions, describe)
        if (disagreement !== undefined) throw new Error(`Not the same question to all: ${disagreement}`)
        say(`warming up, then ${rounds} rounds`)
        const onTurn = () => signal.throwIfAborted()
        const measurements = await measure(contenders, { rounds, seconds, questions, nowMs, onRound, onTurn })
        const own = contenders.flatMap(({ name: who, note }) => (note === undefined ? [] : [`${who}: ${note()}`]))
        const notes = [...own, ...missing]
        return { workload: name, title, unit: 'checks/s', facts, measurements, summaries: summarize(measurements), notes }
      } finally {
        await close()
      }
    },
  }
}
