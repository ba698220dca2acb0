/** The command line of the bench. Reads arguments; runs nothing. */
import { parseArgs } from 'node:util'

export const HELP = `npm run bench -- [options]

Measures Castellan against others on the same facts. All contenders of a workload are asked the whole table of questions first:
nothing is measured before they give the same answers.

  --rounds <n>     interleaved rounds that count, after one that does not   (default 7)
  --seconds <s>    of each contender in each round, such as 0.5             (default 1)
  --quick          3 rounds of 0.5 s, unless told otherwise: to see that it runs
  --only <names>   workloads to run, with commas between them               (default all)
                   a name that ends with * takes all that begin so, as in wire-*
  --chart          writes bench/chart.svg, which README.md shows
  --list           the names and titles of all workloads
  --help           this

The tables go to standard output, progress to standard error, everything measured as JSON to bench/results/. bench/README.md tells
how to read it. Workloads over a wire need Linux, h2load and wrk, which are installed when they are missing and it may; one that
lacks something is left out with the reason, and fails the run (exit code 1) only when --only names it.

  npm run bench -- --quick --only wire-check-grpc
`

export interface Options {
  readonly rounds: number
  readonly seconds: number
  /** In the order in which they were declared. */
  readonly only: readonly string[]
  /** They were asked for one by one: none of them may be left out. */
  readonly named: boolean
  readonly chart: boolean
}

export class UsageError extends Error {}

/** @param names of the workloads there are. @returns what to show instead of running. @throws UsageError */
export function parseOptions(args: readonly string[], names: readonly string[]): Options | 'help' | 'list' {
  const values = parse(args)
  if (values.help === true) return 'help'
  if (values.list === true) return 'list'
  const quick = values.quick === true
  const rounds = numberOf('--rounds', values.rounds ?? (quick ? '3' : '7'))
  const seconds = numberOf('--seconds', values.seconds ?? (quick ? '0.5' : '1'))
  if (!Number.isInteger(rounds)) throw new UsageError('--rounds takes a whole number.')
  const wanted = values.only?.split(',').filter((name) => name !== '')
  const unknown = wanted?.find((pattern) => !names.some((name) => matches(name, pattern)))
  if (unknown !== undefined) throw new UsageError(`--only: there is no workload ${JSON.stringify(unknown)}; there are ${names.join(', ')}.`)
  const only = wanted === undefined ? names : names.filter((name) => wanted.some((pattern) => matches(name, pattern)))
  return { rounds, seconds, only, named: wanted !== undefined, chart: values.chart === true }
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ rounds: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string' } },
        ...{ quick: { type: 'boolean' }, chart: { type: 'boolean' }, list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      },
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
