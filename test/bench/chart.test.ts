/** The drawing says what was measured, to eyes and to screen readers, on white and on dark. */
import { expect, it } from '@jest/globals'
import { chartSvg } from '../../bench/chart.ts'
import type { Measurement } from '../../bench/measure.ts'
import { summarize } from '../../bench/measure.ts'
import type { BenchResult, WorkloadResult } from '../../bench/report.ts'

function workload(title: string, rates: Readonly<Record<string, number>>, roles?: WorkloadResult['roles']): WorkloadResult {
  const measurements: Measurement[] = Object.entries(rates).map(([name, rate]) => ({ name, rounds: [rate] }))
  const base = { workload: title, title, unit: 'checks/s', facts: '', measurements, summaries: summarize(measurements), notes: [] }
  return roles === undefined ? base : { ...base, roles }
}

function result(workloads: readonly WorkloadResult[], cpu = 'Processor'): BenchResult {
  const machine = { cpu, cores: 2, node: '20.0.0', platform: 'linux x64', load: 0 }
  return { at: '2026-11-22T10:00:00.000Z', machine, versions: {}, rounds: 1, seconds: 1, workloads, leftOut: [], goals: [] }
}

const roles = { castellan: 'ours', cerbos: 'peer', bare: 'floor' } as const
const bars = (svg: string) =>
  [...svg.matchAll(/<rect class="(\w+)" [^>]*width="([\d.]+)"/g)].map(([, role, width]) => [role, Number(width)])

it('has a bar for each contender, as long as its rate, and says how many times ours is', () => {
  const svg = chartSvg(result([workload('Check', { castellan: 20_000, cerbos: 5_000, bare: 40_000 }, roles)]))
  expect(bars(svg)).toEqual([
    ['ours', 240],
    ['peer', 60],
    ['floor', 480],
  ])
  expect(svg).toContain('>5 000 (ours 4.0 ×)<')
  expect(svg).toContain('<desc>Check: castellan 20 000, cerbos 5 000, bare 40 000.</desc>')
  expect(svg).toContain('prefers-color-scheme: dark')
})

it('shows workloads that have somebody to compare with, libraries in one process among them', () => {
  const alone = workload('Log', { castellan: 2, without: 3 }, { castellan: 'ours', without: 'floor' })
  const local = workload('In process', { 'castellan local client': 100, 'castellan engine': 90, casbin: 1 })
  expect(bars(chartSvg(result([alone, local]))).map(([role]) => role)).toEqual(['ours', 'ours', 'peer'])
})

it('is a drawing whatever names there are', () => {
  const svg = chartSvg(result([workload('<a> & "b"', { 'castellan\u0000': 1, '<script>': 2 })], 'Intel(R) <&>'))
  expect(svg.replace(/<\/?(svg|title|desc|style|text|rect)\b[^<>]*>/g, '')).not.toMatch(/[<]|&(?!amp;|lt;|gt;)/)
  expect(svg).not.toContain('\u0000')
})

it('is empty of bars where nothing was compared', () => {
  expect(bars(chartSvg(result([])))).toEqual([])
})
