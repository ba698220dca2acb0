/** What a service of several processes says of itself, and how it starts again what ended. Whole ones are in test/journeys/workers.test.ts. */
import { describe, expect, it } from '@jest/globals'
import type { MetricFamily } from '../../../src/ground/metric-families.ts'
import { openMetrics } from '../../../src/ground/metrics.ts'
import { readDevSettings, readServeSettings } from '../../../src/main/settings.ts'
import { openGatheredMetrics } from '../../../src/main/workers/gathered-metrics.ts'
import { gatheredReadiness } from '../../../src/main/workers/gathered-readiness.ts'
import { readAnswer, writeAnswer } from '../../../src/main/workers/messages.ts'
import { pauseBeforeRestart } from '../../../src/main/workers/pause.ts'
import { pathOfWorker } from '../../../src/main/workers/worker.ts'
import type { Told } from '../../../src/main/workers/worker-pool.ts'
import { WORKER_PAUSE_MS_MAX, WORKER_PAUSE_MS_MIN, WORKER_STEADY_MS, WORKERS_MAX } from '../../../src/model/process-limits.ts'

describe('CASTELLAN_WORKERS', () => {
  const read = (text: string) =>
    readServeSettings({ CASTELLAN_DATABASE_URL: 'postgres://c:p@127.0.0.1/c', CASTELLAN_WORKERS: text }).workers

  it('is a number of processes or `auto`, and no other process without it', () => {
    expect([read(''), read('1'), read('auto'), read(String(WORKERS_MAX))]).toEqual([undefined, 1, 'auto', WORKERS_MAX])
  })

  it('is refused by its name otherwise, and by `castellan dev`', () => {
    const refusal = expect.objectContaining({ code: 'settings_invalid', message: expect.stringContaining('CASTELLAN_WORKERS') })
    for (const text of ['0', '-1', '1.5', 'all', String(WORKERS_MAX + 1)]) expect(() => read(text)).toThrow(refusal)
    expect(() => readDevSettings({ CASTELLAN_WORKERS: '2' })).toThrow(refusal)
  })
})

describe('readiness of several workers', () => {
  const report = (ready: boolean) => ({ ready, checks: [{ name: 'service', ok: ready, text: ready ? 'serving' : 'stopping' }] })
  const answered = (worker: string, ready = true): Told<'readiness'> => ({ worker, state: 'answered', answer: report(ready) })
  const readyOf = async (told: readonly Told<'readiness'>[], started = true) =>
    await gatheredReadiness(
      async () => told,
      () => started,
    )()

  it('needs all of them once, and names who is missing', async () => {
    const report = await readyOf([answered('1'), { worker: '2', state: 'starting' }], false)
    expect(report.ready).toBe(false)
    expect(report.checks).toContainEqual({ name: 'worker 2', ok: false, text: 'starts' })
    expect(report.checks[0]).toEqual({ name: 'workers', ok: false, text: '1 of 2 ready' })
  })

  it('stays while one that ended starts again, for it gets no connections, and is lost with the last one', async () => {
    expect(await readyOf([answered('1'), { worker: '2', state: 'starting' }])).toMatchObject({ ready: true })
    expect(
      await readyOf([
        { worker: '1', state: 'starting' },
        { worker: '2', state: 'starting' },
      ]),
    ).toMatchObject({ ready: false })
  })

  it('is lost by one that gets connections and is silent, or says that it is not ready', async () => {
    const silent = await readyOf([answered('1'), { worker: '2', state: 'silent' }])
    expect(silent.ready).toBe(false)
    expect(silent.checks).toContainEqual({ name: 'worker 2', ok: false, text: 'does not answer' })
    expect(await readyOf([answered('1'), answered('2', false)])).toMatchObject({ ready: false })
    expect(await readyOf([answered('1'), answered('2')])).toMatchObject({ ready: true })
  })
})

describe('metrics of several workers', () => {
  const counted = (value: number): readonly MetricFamily[] => [
    { name: 'answers_total', help: 'Answers', type: 'counter', values: [{ labels: {}, value }] },
    { name: 'waiting', help: 'Waiting', type: 'gauge', values: [{ labels: {}, value }] },
  ]

  it('never count back: what one had counted that ended, is silent or begins again stays counted', async () => {
    let told: readonly Told<'metrics'>[] = []
    const metrics = openGatheredMetrics(openMetrics(), async () => told)
    const page = async () => (await metrics.text()).body
    const total = async () => Number(/^answers_total (\d+)$/m.exec(await page())?.[1])
    told = [
      { worker: '1', state: 'answered', answer: counted(10) },
      { worker: '2', state: 'answered', answer: counted(5) },
    ]
    expect(await total()).toBe(15)
    told = [
      { worker: '1', state: 'silent' },
      { worker: '2', state: 'answered', answer: counted(6) },
    ]
    const page1 = await page()
    expect(page1).toContain('\nanswers_total 16\n')
    expect(page1.match(/^waiting.*$/gm)).toEqual(['waiting{worker="2"} 6'])
    expect(page1).toContain('castellan_worker_up{worker="1"} 0\ncastellan_worker_up{worker="2"} 1\n')
    metrics.ended('1')
    told = [
      { worker: '1', state: 'starting' },
      { worker: '2', state: 'answered', answer: counted(6) },
    ]
    expect(await total()).toBe(16)
    told = [
      { worker: '1', state: 'answered', answer: counted(1) },
      { worker: '2', state: 'answered', answer: counted(6) },
    ]
    expect(await total()).toBe(17)
    metrics.ended('1')
    metrics.ended('1')
    expect(await total()).toBe(18)
  })

  it('are not counted twice when a worker ends just after it answered', async () => {
    let endsNow = false
    const metrics = openGatheredMetrics(openMetrics(), async () => {
      if (endsNow) metrics.ended('1')
      return [{ worker: '1', state: 'answered', answer: counted(10) }]
    })
    expect((await metrics.text()).body).toContain('\nanswers_total 10\n')
    endsNow = true
    expect((await metrics.text()).body).toContain('\nanswers_total 10\n')
  })

  it('arrive as they were sent, also numbers that are none', () => {
    const families = [
      {
        name: 'a',
        help: 'A',
        type: 'gauge',
        values: [Number.NaN, Number.POSITIVE_INFINITY, 1.5].map((value) => ({ labels: { le: '+Inf' }, value })),
      },
    ]
    expect(readAnswer<'metrics'>(writeAnswer<'metrics'>(families))).toEqual(families)
  })
})

it('a worker that ends again and again is started after longer and longer pauses, and one that was well is not', () => {
  const pauses = Array.from({ length: 12 }).reduce<number[]>((found) => [...found, pauseBeforeRestart(found.at(-1) ?? 0, 1)], [])
  expect(pauses.slice(0, 3)).toEqual([WORKER_PAUSE_MS_MIN, WORKER_PAUSE_MS_MIN * 2, WORKER_PAUSE_MS_MIN * 4])
  expect(pauses.at(-1)).toBe(WORKER_PAUSE_MS_MAX)
  expect(pauseBeforeRestart(WORKER_PAUSE_MS_MAX, WORKER_STEADY_MS)).toBe(WORKER_PAUSE_MS_MIN)
})

it('each worker has files of its own, beside each other and with the ending that collectors look for', () => {
  expect(['/log/decisions.jsonl', 'decisions', './a.b/c', '/log/d.1.jsonl'].map((path) => pathOfWorker(path, '2'))).toEqual([
    '/log/decisions.worker-2.jsonl',
    'decisions.worker-2',
    './a.b/c.worker-2',
    '/log/d.1.worker-2.jsonl',
  ])
})
