/** The bench compares like with like: interleaved rounds, honest middles, and nothing before all answer alike. */
import { describe, expect, it } from '@jest/globals'
import { type Contender, findDisagreement, measure, median, summarize } from '../../bench/measure.ts'
import { parseOptions, UsageError } from '../../bench/options.ts'
import { workloadLines } from '../../bench/report.ts'

/** A machine on which each question costs what its contender says. */
function openMachine() {
  let nowMs = 0
  const turns: string[] = []
  const contender = (name: string, msEach: number, answers = (question: number) => question % 2): Contender => ({
    name,
    ask(from, count) {
      if (turns.at(-1) !== name) turns.push(name)
      nowMs += msEach * count
      let allowed = 0
      for (let at = 0; at < count; at += 1) allowed += answers(from + at)
      return allowed
    },
  })
  return { contender, turns, nowMs: () => nowMs }
}

describe('measuring', () => {
  it('gives each contender its rate, in rounds of which each begins with another one, and throws the first away', async () => {
    const { contender, turns, nowMs } = openMachine()
    const contenders = [contender('quick', 1), contender('slow', 4), contender('slowest', 8)]
    const measured = await measure(contenders, { rounds: 2, seconds: 1, questions: 100, nowMs })
    expect(measured).toEqual([
      { name: 'quick', rounds: [1000, 1000] },
      { name: 'slow', rounds: [250, 250] },
      { name: 'slowest', rounds: [125, 125] },
    ])
    expect(turns).toEqual(['quick', 'slow', 'slowest', 'slow', 'slowest', 'quick', 'slowest', 'quick', 'slow'])
    expect(summarize(measured).map(({ ratio }) => ratio)).toEqual([1, 0.25, 0.125])
  })

  it('goes through the whole table and around, and begins to count when the round that does not is over', async () => {
    const { contender, nowMs } = openMachine()
    const seen: (number | 'start' | 'round')[] = []
    const one = contender('one', 1)
    const watched: Contender = {
      ...one,
      ask(from, count) {
        seen.push(from)
        return one.ask(from, count)
      },
      start: () => void seen.push('start'),
    }
    await measure([watched], { rounds: 1, seconds: 0.25, questions: 100, nowMs, onRound: () => void seen.push('round') })
    const [first, second, third, fourth] = [0, 64, 28, 92]
    expect(seen).toEqual([first, second, third, fourth, 'round', 'start', first, second, third, fourth, 'round'])
  })

  it('asks at least once, however short the time', async () => {
    const { contender, nowMs } = openMachine()
    expect(await measure([contender('one', 100)], { rounds: 1, seconds: 0.001, questions: 10, nowMs })).toEqual([
      { name: 'one', rounds: [10] },
    ])
  })

  it('tells the middle and how far the rounds are from it', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(() => median([])).toThrow(RangeError)
    expect(summarize([{ name: 'one', rounds: [10, 12, 11, 40] }])).toEqual([
      { name: 'one', median: 11.5, mad: 1, least: 10, most: 40, ratio: 1 },
    ])
  })

  it('names the first question to which not all answer alike', async () => {
    const { contender } = openMachine()
    const same = [contender('one', 1), contender('two', 1)]
    expect(await findDisagreement(same, 10, String)).toBeUndefined()
    const other = contender('three', 1, (question) => (question === 7 ? 0 : question % 2))
    expect(await findDisagreement([...same, other], 10, (question) => `question ${question}`)).toBe(
      'one says yes and three no to question 7',
    )
  })
})

describe('the command line of the bench', () => {
  const names = ['local-roles', 'local-conditions']
  it('runs all unless it is told which', () => {
    expect(parseOptions([], names)).toEqual({ rounds: 7, seconds: 1, only: names, named: false, chart: false })
    expect(parseOptions(['--only', 'local-roles', '--rounds', '3', '--seconds', '0.5'], names)).toEqual({
      ...{ rounds: 3, seconds: 0.5 },
      ...{ only: ['local-roles'], named: true, chart: false },
    })
    expect(parseOptions(['--quick', '--seconds', '2'], names)).toMatchObject({ rounds: 3, seconds: 2 })
    expect(parseOptions(['--only', 'local-*', '--chart'], names)).toMatchObject({ only: names, named: true, chart: true })
    expect(parseOptions(['--help'], names)).toBe('help')
    expect(parseOptions(['--list'], names)).toBe('list')
  })

  it.each([
    [['--only', 'wires']],
    [['--only', 'wires*']],
    [['--rounds', '1.5']],
    [['--rounds', '0']],
    [['--seconds', 'x']],
    [['--round', '1']],
    [['more']],
  ])('refuses %j', (args) => {
    expect(() => parseOptions(args, names)).toThrow(UsageError)
  })
})

it('prints one aligned line for each contender', () => {
  const summary = { mad: 100, least: 900, most: 1_100 }
  const lines = workloadLines({
    ...{ workload: 'w', title: 'Title', unit: 'checks/s', facts: 'facts', measurements: [], notes: ['other: a note'] },
    summaries: [
      { ...summary, name: 'castellan', median: 1_234_567, ratio: 1 },
      { ...summary, name: 'other', median: 1_000, ratio: 0.00081 },
    ],
  })
  expect(lines).toEqual([
    'Title: facts',
    '            checks/s   ± MAD  least   most  × castellan',
    'castellan  1 234 567   0.0 %    900  1 100         1.00',
    'other          1 000  10.0 %    900  1 100      0.00081',
    'other: a note',
  ])
})
