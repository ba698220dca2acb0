/** The goals of speed, as they were set, and whether what was measured meets them. Pure; measures nothing, and no goal is moved to fit. */
import { tableLines } from './table.ts'

/** What was measured, by whatever kind of workload. */
export interface Measured {
  readonly workload: string
  /** Medians of those who were compared. */
  readonly summaries?: readonly { readonly name: string; readonly median: number }[]
  /** By name, of a study. */
  readonly figures?: Readonly<Record<string, number>>
}

/** Where a figure is found. */
export type Source =
  | { readonly workload: string; readonly rate: string }
  | { readonly workload: string; readonly rate: string; readonly over: string }
  | { readonly workload: string; readonly figure: string }

export interface Goal {
  /** As the table of goals names it. */
  readonly what: string
  readonly source: Source
  readonly bound: { readonly least: number } | { readonly most: number }
  readonly unit: string
}

const OURS = 'castellan'
const CERBOS = 'cerbos'
const GRPC_JS = 'bare grpc-js'

const ratio = (workload: string, rate: string, over: string): Source => ({ workload, rate, over })
const told = (workload: string, figure: string): Source => ({ workload, figure })

export const GOALS: readonly Goal[] = [
  { what: 'warm Check, gRPC unary, over Cerbos', source: ratio('wire-check-grpc', OURS, CERBOS), bound: { least: 5 }, unit: '×' },
  {
    what: 'warm Check, gRPC unary by the fallback, over bare grpc-js',
    source: ratio('wire-check-grpc-fallback', OURS, GRPC_JS),
    bound: { least: 0.9 },
    unit: '×',
  },
  { what: 'warm Check, gRPC stream, over Cerbos unary', source: ratio('wire-check-stream', OURS, CERBOS), bound: { least: 15 }, unit: '×' },
  {
    what: 'warm Check, gRPC stream, over a bare grpc-js stream',
    source: ratio('wire-check-stream', OURS, 'bare grpc-js stream'),
    bound: { least: 0.7 },
    unit: '×',
  },
  { what: 'warm Check, HTTP, over Cerbos HTTP', source: ratio('wire-check-http', OURS, CERBOS), bound: { least: 15 }, unit: '×' },
  {
    what: 'warm Check, HTTP, over bare node:http with JSON',
    source: ratio('wire-check-http', OURS, 'bare node:http'),
    bound: { least: 0.85 },
    unit: '×',
  },
  { what: 'BatchCheck of 50, over Cerbos', source: ratio('wire-batch-50', OURS, CERBOS), bound: { least: 5 }, unit: '×' },
  { what: 'BatchCheck of 1,000, over Cerbos', source: ratio('wire-batch-1000', OURS, CERBOS), bound: { least: 4 }, unit: '×' },
  { what: 'CheckPermissions of 50, over Cerbos', source: ratio('wire-permissions-50', OURS, CERBOS), bound: { least: 8 }, unit: '×' },
  { what: 'CheckPermissions of 1,000, over Cerbos', source: ratio('wire-permissions-1000', OURS, CERBOS), bound: { least: 15 }, unit: '×' },
  { what: "caller's CPU a check, 64 in flight", source: told('client', 'castellan_us'), bound: { most: 15 }, unit: 'µs' },
  {
    what: "caller's CPU a check, over a bare grpc-js unary client",
    source: told('client', 'castellan_over_grpc'),
    bound: { most: 1 / 8 },
    unit: '×',
  },
  {
    what: 'local check in the client, one core',
    source: { workload: 'local-roles', rate: 'castellan local client' },
    bound: { least: 1_000_000 },
    unit: '/s',
  },
  {
    what: 'local check in the client, over CASL alone',
    source: ratio('local-roles', 'castellan local client', 'CASL alone'),
    bound: { least: 1 / 3 },
    unit: '×',
  },
  {
    what: 'local check in the client, over casbin',
    source: ratio('local-roles', 'castellan local client', 'casbin'),
    bound: { least: 100 },
    unit: '×',
  },
  {
    what: 'local check in the client, over Cedar wasm',
    source: ratio('local-roles', 'castellan local client', 'Cedar wasm'),
    bound: { least: 100 },
    unit: '×',
  },
  {
    what: 'time of a cold check, PostgreSQL, over SELECT 1 by pg',
    source: told('cold', 'postgres_over_select_1'),
    bound: { most: 1.5 },
    unit: '×',
  },
  { what: 'time of a cold check, Redis, over one GET by redis', source: told('cold', 'redis_over_get'), bound: { most: 1.5 }, unit: '×' },
  {
    what: 'p99 of gRPC unary at half the saturating rate, over bare grpc-js at half of its own',
    source: told('open-loop', 'grpc_p99_over_bare_at_50'),
    bound: { most: 1.5 },
    unit: '×',
  },
  {
    what: 'rate with the decision log, over the rate without',
    source: ratio('wire-decision-log', OURS, 'castellan without decision log'),
    bound: { least: 0.95 },
    unit: '×',
  },
  { what: 'cost of a check as users grow, 10³ to 10⁶', source: told('growth', 'users_percent'), bound: { most: 10 }, unit: '%' },
  {
    what: 'cost of a check as permissions grow, 10 to 10⁴',
    source: told('growth', 'permissions_percent'),
    bound: { most: 10 },
    unit: '%',
  },
  {
    what: 'memory of a cached [user, tenant] beyond its ids, at 10⁶',
    source: told('memory', 'bytes_1000000'),
    bound: { most: 200 },
    unit: 'bytes',
  },
  { what: 'second start of the embedded service to ready', source: told('start', 'second_ms'), bound: { most: 2_000 }, unit: 'ms' },
]

export interface Judged {
  readonly what: string
  readonly bound: string
  readonly measured: string
  readonly met: 'yes' | 'no' | 'not measured'
}

/** Each goal once, in their order; one whose workload did not run says so. */
export function judgeGoals(goals: readonly Goal[], measured: readonly Measured[]): readonly Judged[] {
  return goals.map((goal) => {
    const { what, bound, unit, source } = goal
    const value = figureOf(source, measured)
    const wanted = 'least' in bound ? `≥ ${shown(bound.least, unit)}` : `≤ ${shown(bound.most, unit)}`
    if (value === undefined) return { what, bound: wanted, measured: `– (${source.workload})`, met: 'not measured' }
    // Not by what is shown of it: rounding meets no goal. What is no number meets none either.
    const met = 'least' in bound ? value >= bound.least : value <= bound.most
    return { what, bound: wanted, measured: shown(value, unit), met: met ? 'yes' : 'no' }
  })
}

export function goalLines(judged: readonly Judged[]): readonly string[] {
  const count = (met: Judged['met']) => judged.filter((one) => one.met === met).length
  return [
    `Goals: ${count('yes')} met, ${count('no')} not met, ${count('not measured')} not measured in this run`,
    ...tableLines(
      ['goal', 'bound', 'measured', 'met?'],
      judged.map(({ what, bound, measured, met }) => [what, bound, measured, met]),
    ),
  ]
}

function figureOf(source: Source, measured: readonly Measured[]): number | undefined {
  const found = measured.find(({ workload }) => workload === source.workload)
  if (found === undefined) return undefined
  if ('figure' in source) return found.figures?.[source.figure]
  const rateOf = (name: string) => found.summaries?.find((summary) => summary.name === name)?.median
  const rate = rateOf(source.rate)
  if (!('over' in source)) return rate
  const base = rateOf(source.over)
  return rate === undefined || base === undefined || base === 0 ? undefined : rate / base
}

/** Three digits where that matters, never an exponent. */
function shown(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  const text = value
    .toFixed(digits)
    .replace(/\.(\d*?)0+$/, (_, kept: string) => (kept === '' ? '' : `.${kept}`))
    .replace(/\B(?=(\d{3})+$)/g, digits === 0 ? ' ' : '')
  return `${text} ${unit}`
}
