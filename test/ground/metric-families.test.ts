/** Metrics of several processes on one page: counts add up, measures stand beside each other, and nothing is made up. */
import { describe, expect, it } from '@jest/globals'
import { joinMetrics, type MetricFamily } from '../../src/ground/metric-families.ts'
import { metricsText, openMetrics } from '../../src/ground/metrics.ts'

const counter = (value: number): MetricFamily => ({
  name: 'answers_total',
  help: 'Answers',
  type: 'counter',
  values: [
    { labels: { code: 'ok', wire: 'http' }, value },
    { labels: { wire: 'grpc', code: 'ok' }, value: 1 },
  ],
})
const gauge = (value: number): MetricFamily => ({ name: 'waiting', help: 'Waiting', type: 'gauge', values: [{ labels: {}, value }] })
const textOf = async (parts: Parameters<typeof joinMetrics>[0], accept?: string) => (await metricsText(joinMetrics(parts), accept)).body

describe('metrics of several processes', () => {
  it('add up what was counted, and keep apart what is so now', async () => {
    const text = await textOf([
      { worker: '1', families: [counter(2), gauge(5)] },
      { worker: '2', families: [counter(40), gauge(7)] },
    ])
    expect(text).toContain('answers_total{code="ok",wire="http"} 42\n')
    expect(text).toContain('answers_total{wire="grpc",code="ok"} 2\n')
    expect(text).toContain('waiting{worker="1"} 5\nwaiting{worker="2"} 7\n')
  })

  it('keep the counts of a process that says nothing, and say nothing of its present', async () => {
    const text = await textOf([{ worker: '1', families: [counter(2), gauge(5)] }, { families: [counter(40), gauge(7)] }])
    expect(text).toContain('answers_total{code="ok",wire="http"} 42\n')
    expect(text.match(/^waiting.*$/gm)).toEqual(['waiting{worker="1"} 5'])
  })

  it('are read by both kinds of scrapers as those of one process, with the newest example', async () => {
    const parts = await Promise.all(
      [0.001, 0.5].map(async (seconds, at) => {
        const metrics = openMetrics()
        const histogram = metrics.histogram('took_seconds', 'Took', ['wire'], [0.01, 1])
        histogram.labels({ wire: 'http' }).observe(seconds, { traceId: `trace${at}` }, 1_000 + at)
        histogram.labels({ wire: 'http' }).observe(0.5, { traceId: `later${at}` }, 2_000 + at)
        metrics.counter('seen_total', 'Seen', []).inc(3)
        return { worker: String(at), families: await metrics.families() }
      }),
    )
    const plain = await textOf(parts)
    expect(plain).toContain('took_seconds_bucket{le="0.01",wire="http"} 1\n')
    expect(plain).toContain('took_seconds_bucket{le="+Inf",wire="http"} 4\n')
    expect(plain).toContain('took_seconds_count{wire="http"} 4\n')
    expect(plain).toContain('castellan_process_resident_memory_bytes{worker="1"}')
    const open = await textOf(parts, 'application/openmetrics-text')
    expect(open).toContain('took_seconds_bucket{le="1",wire="http"} 4 # {trace_id="later1"} 0.5 2.001\n')
    expect(open).toContain('\nseen_total 6\n')
    expect(open.endsWith('# EOF\n')).toBe(true)
  })
})
