/** A goal is met by what was measured and by nothing else: no rounding, no run that did not happen. */
import { describe, expect, it } from '@jest/globals'
import { GOALS, type Goal, goalLines, judgeGoals } from '../../bench/goals.ts'

const faster: Goal = { what: 'faster', source: { workload: 'w', rate: 'ours', over: 'theirs' }, bound: { least: 5 }, unit: '×' }
const small: Goal = { what: 'small', source: { workload: 'm', figure: 'bytes' }, bound: { most: 200 }, unit: 'bytes' }
const rates = (ours: number, theirs: number) => ({
  workload: 'w',
  summaries: [
    { name: 'ours', median: ours },
    { name: 'theirs', median: theirs },
  ],
})

describe('goals', () => {
  it('are met on their bound and not short of it, although what is shown is rounded', () => {
    expect(judgeGoals([faster], [rates(500, 100)])).toEqual([{ what: 'faster', bound: '≥ 5 ×', measured: '5 ×', met: 'yes' }])
    expect(judgeGoals([faster], [rates(499.9, 100)])).toMatchObject([{ measured: '5 ×', met: 'no' }])
    expect(judgeGoals([small], [{ workload: 'm', figures: { bytes: 200 } }])).toMatchObject([{ met: 'yes', measured: '200 bytes' }])
    expect(judgeGoals([small], [{ workload: 'm', figures: { bytes: 200.4 } }])).toMatchObject([{ met: 'no', measured: '200 bytes' }])
  })

  it('say so when their workload, or one of those compared in it, did not run', () => {
    const absent = [[], [{ workload: 'w' }], [{ workload: 'w', summaries: [{ name: 'ours', median: 9 }] }], [rates(9, 0)]]
    for (const measured of absent) expect(judgeGoals([faster], measured)).toMatchObject([{ met: 'not measured', measured: '– (w)' }])
    expect(judgeGoals([small], [{ workload: 'm', figures: {} }])).toMatchObject([{ met: 'not measured' }])
  })

  it('are not met by what is no number', () => {
    expect(judgeGoals([small], [{ workload: 'm', figures: { bytes: Number.NaN } }])).toMatchObject([{ met: 'no' }])
    expect(judgeGoals([faster], [rates(Number.NaN, 1)])).toMatchObject([{ met: 'no' }])
  })

  it('stand as the issue set them', () => {
    const bounds = GOALS.map(({ bound, unit }) => `${'least' in bound ? `≥ ${bound.least}` : `≤ ${bound.most}`} ${unit}`)
    const wires = ['≥ 5 ×', '≥ 0.9 ×', '≥ 15 ×', '≥ 0.7 ×', '≥ 15 ×', '≥ 0.85 ×', '≥ 5 ×', '≥ 4 ×', '≥ 8 ×', '≥ 15 ×']
    const client = ['≤ 15 µs', '≤ 0.125 ×', '≥ 1000000 /s', `≥ ${1 / 3} ×`, '≥ 100 ×', '≥ 100 ×']
    const others = ['≤ 1.5 ×', '≤ 1.5 ×', '≤ 1.5 ×', '≥ 0.95 ×', '≤ 10 %', '≤ 10 %', '≤ 200 bytes', '≤ 2000 ms']
    expect(bounds).toEqual([...wires, ...client, ...others])
    expect(new Set(GOALS.map(({ what }) => what)).size).toBe(GOALS.length)
  })

  it('are told as a table that counts them first', () => {
    const lines = goalLines(judgeGoals([faster, small], [rates(1_234_567, 100)]))
    expect(lines).toHaveLength(4)
    expect(lines[0]).toBe('Goals: 1 met, 0 not met, 1 not measured in this run')
    expect(lines[2]).toMatch(/^faster +≥ 5 × +12 346 × +yes$/)
    expect(lines[3]).toMatch(/^small +≤ 200 bytes +– \(m\) +not measured$/)
  })
})
