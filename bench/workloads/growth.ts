/** How the cost of a warm check grows with users, permissions, roles of a user and tenants: one of them at a time, the others as they are in most houses. */
import { rmSync } from 'node:fs'
import { plainQuestions } from '../facts.ts'
import { needLinux, needWrk } from '../load/generators.ts'
import { openHttpContender } from '../load/http-contender.ts'
import { median } from '../measure.ts'
import type { Point } from '../replica/points.ts'
import { runPoints } from '../replica/run-points.ts'
import { openFolder } from '../servers/server-process.ts'
import type { Curve, Study, StudyResult } from '../study.ts'
import { measureWire } from '../wire.ts'
import type { Bench } from '../workload.ts'
import { openOurs } from './servers-in-turn.ts'

/** In the middle of each curve. */
const USUAL: Point = { users: 10_000, tenants: 10, rolesEach: 2, permissions: 100, attributes: '{}' }

/** Asked in turn by the load over HTTP. */
const QUESTIONS = 64

interface Axis {
  readonly name: string
  readonly key: 'users' | 'permissions' | 'rolesEach' | 'tenants'
  readonly values: readonly number[]
  readonly usual?: Partial<Point>
}

const AXES: readonly Axis[] = [
  { name: 'users', key: 'users', values: [1_000, 10_000, 100_000, 1_000_000] },
  { name: 'permissions', key: 'permissions', values: [10, 100, 1_000, 10_000] },
  { name: 'roles', key: 'rolesEach', values: [1, 5, 20, 50] },
  // As many people as tenants at the end: each tenant has somebody.
  { name: 'tenants', key: 'tenants', values: [10, 1_000, 100_000], usual: { users: 100_000 } },
]

export const growth: Study = {
  name: 'growth',
  title: 'Cost of a warm check as a house grows',
  async run(bench): Promise<StudyResult> {
    const { say, signal, stage, rounds, seconds } = bench
    needLinux()
    needWrk()
    // Each curve in one process, point after point.
    const curves: Curve[] = []
    for (const { name, key, values, usual } of AXES) {
      say(`${name} from ${values[0]} to ${values.at(-1)}`)
      const points = values.map((value) => ({ ...USUAL, ...usual, [key]: value, seconds, rounds }))
      const told = await runPoints(points, stage.place.server, signal)
      curves.push({ name, points: values.map((value, index) => [value, median(told[index]?.nanoseconds ?? [])]) })
    }
    say('a request over HTTP, for what all of it is a part of')
    const requestMicros = await httpMicros(bench)
    const rows: string[][] = []
    const figures: Record<string, number> = { request_us: requestMicros }
    for (const { name, points } of curves) {
      const first = points[0]?.[1] ?? Number.NaN
      for (const [value, nanoseconds] of points) {
        const percent = growthPercent(first, nanoseconds, requestMicros)
        rows.push([`${name} ${value}`, nanoseconds.toFixed(0), (nanoseconds / first).toFixed(2), `${percent.toFixed(1)} %`])
        figures[`${name}_${value}_ns`] = nanoseconds
        // The worst of them on the way, not only the last one.
        figures[`${name}_percent`] = Math.max(figures[`${name}_percent`] ?? 0, percent)
      }
    }
    return {
      facts: `in process through the decision point; a warm request over HTTP takes ${requestMicros.toFixed(1)} µs of the processor`,
      columns: ['', 'ns a check', '× the first', 'of a request'],
      rows,
      figures,
      curves,
      notes: ['"of a request": how much more of the processor one HTTP request takes than at the first point of its curve.'],
    }
  },
}

/** Of the processor, for one warm check over HTTP at full load. */
async function httpMicros(bench: Bench): Promise<number> {
  const { server, forms } = await openOurs(bench)
  const questions = plainQuestions(await bench.stage.facts()).slice(0, QUESTIONS)
  const folder = openFolder()
  try {
    const shared = { questions, folder, form: forms.http, server, port: server.httpPort }
    const [measured] = await measureWire([await openHttpContender({ ...shared, name: 'castellan', role: 'ours' }, bench)], bench)
    return median(measured?.cpuMicros ?? [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** By how much a request costs more when the check in it costs `nanoseconds` in place of `first`. Never below nothing: quicker is not growth. */
export function growthPercent(first: number, nanoseconds: number, requestMicros: number): number {
  return Math.max(0, (100 * (nanoseconds - first)) / (requestMicros * 1_000))
}
