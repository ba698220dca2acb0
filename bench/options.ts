/** The command line of the bench. Reads arguments; runs nothing. */
import { parseArgs } from 'node:util'

export const HELP = `npm run bench -- [options]

Measures Castellan against others on the same facts. All contenders of a workload are asked the whole table of questions first:
nothing is measured before they give the same answers.

  --rounds <n>     interleaved rounds that count, after one that does not   (default 7)
  --seconds <s>    of each contender in each round, such as 0.5             (default 1)
  --only <names>   workloads to run, with commas between them               (default all)
  --help           this

The table goes to standard output, everything measured as JSON to bench/results/. bench/README.md tells how to read it.
`

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly only: readonly string[]
}

export class UsageError extends Error {}

/** @param names of the workloads there are. @returns undefined: help was asked for. @throws UsageError */
export function parseOptions(args: readonly string[], names: readonly string[]): Options | undefined {
  const values = parse(args)
  if (values.help === true) return undefined
  const rounds = numberOf('--rounds', values.rounds ?? '7')
  const seconds = numberOf('--seconds', values.seconds ?? '1')
  if (!Number.isInteger(rounds)) throw new UsageError('--rounds takes a whole number.')
  const only = values.only?.split(',').filter((name) => name !== '') ?? names
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`--only: there is no workload ${JSON.stringify(unknown)}; there are ${names.join(', ')}.`)
  return { rounds, seconds, only }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { rounds: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }).values
  } catch (fault) {
    throw new UsageError(fault instanceof Error ? fault.message : String(fault))
  }
}

/** More than an hour for one contender is a slip of the finger. */
const NUMBER_MAX = 3_600

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= NUMBER_MAX))
    throw new UsageError(`${name} takes a number above 0 and up to ${NUMBER_MAX}, not ${JSON.stringify(text)}.`)
  return value
}
