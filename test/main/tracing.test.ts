/** Traces of a whole service on PostgreSQL and Redis, as a collector gets them. */
import { fileURLToPath } from 'node:url'
import type { ServiceError as GrpcFault, Metadata } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { SettingsError } from '../../src/ground/settings.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import { tracingPlanFrom } from '../../src/main/tracing-settings.ts'
import { SCOPES } from '../../src/model/caller.ts'
import { bearer, type Client, decisionClient, send } from '../decision/transport/wires.ts'
import { type OtlpCollector, openOtlpCollector, type TakenSpan } from '../support/otlp-collector.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { openWitness, type Witness } from '../support/witness.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'congo=t61rcWkgMzE' }
const QUESTION = { user: 'ann-whom-nobody-names', tenant: 'acme-secret-tenant', permission: 'sales.quote.create' }

let postgres: TestPostgres
let redis: TestRedis
let collector: OtlpCollector
let service: Service
let grpc: Client
let key: string
let witness: Witness
let metrics: ReturnType<typeof openMetrics>

async function open(environment: Readonly<Record<string, string>>): Promise<void> {
  const anyPort = { host: '127.0.0.1', port: 0 }
  const address = parseRedisAddress(redis.url)
  if (address === undefined) throw new Error('not an address')
  witness = openWitness()
  metrics = openMetrics()
  service = await openService(
    {
      database: { kind: 'postgres', url: postgres.url, poolMax: 5 },
      schema: 'migrate',
      policies: { source: 'directory', directory: fileURLToPath(new URL('../../policies', import.meta.url)), pollMs: 3_600_000 },
      adminKey: undefined,
      strictSubjects: false,
      http: anyPort,
      grpc: anyPort,
      probes: anyPort,
      tls: undefined,
      connectionAgeMs: 3_600_000,
      settleMs: 0,
      cacheBytes: 1_000_000,
      redis: { address, ca: undefined },
      tracing: tracingPlanFrom(environment),
    },
    { clock: systemClock, random: systemRandom, log: witness.log, metrics },
  )
  service.ready()
  const context = { caller: { id: 'test', name: 'test', scopes: SCOPES, tenants: null, builtIn: true as const }, reason: 'test' }
  await service.administration.grant(context, { ...QUESTION, role: 'salesperson' })
  key = (await service.administration.createCaller(context, { name: 'asks', scopes: ['decide'] })).key
  grpc = decisionClient(service.ports.grpc)
}

beforeEach(async () => {
  ;[postgres, redis, collector] = await Promise.all([openTestPostgres(), startRedis(), openOtlpCollector()])
})
afterEach(async () => {
  grpc?.close()
  await service?.stop()
  await collector.close()
  await redis.stop()
  await postgres.close()
})

const overHttp = (headers: Readonly<Record<string, string>>, body: unknown = QUESTION) =>
  send(
    service.ports.http,
    { method: 'POST', path: '/v1/check', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers } },
    JSON.stringify(body),
  )
/** The trailers too. */
function overGrpc(headers: Readonly<Record<string, string>>, question: object = QUESTION) {
  const metadata = bearer(key)
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return new Promise<{ readonly traceResponse: string | undefined; readonly fault: GrpcFault | null }>((resolve) => {
    let fault: GrpcFault | null = null
    const call = grpc.Check(question, metadata, (failed: GrpcFault | null) => {
      fault = failed
    })
    call.on('status', ({ metadata: trailer }: { metadata: Metadata }) =>
      setImmediate(() => resolve({ traceResponse: trailer.get('traceresponse')[0]?.toString(), fault })),
    )
  })
}
const named = (name: string, spans: readonly TakenSpan[] = collector.spans) => spans.filter((span) => span.name === name)

describe('a trace of a check', () => {
  it('goes on from its caller over either wire, down to the store, tells the caller its span, and names nobody who is asked about', async () => {
    await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_SERVICE_NAME: 'pdp',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    })
    const http = await overHttp(SAMPLED)
    // Answered from memory.
    const { traceResponse } = await overGrpc(SAMPLED)
    await service.stop()
    const [first, second] = named('castellan.Check') as [TakenSpan, TakenSpan]
    expect(http.headers['traceresponse']).toBe(`00-${TRACE}-${first.spanId}-01`)
    expect(traceResponse).toBe(`00-${TRACE}-${second.spanId}-01`)
    for (const [span, wire, level] of [
      [first, 'http', 'store'],
      [second, 'grpc', 'memory'],
    ] as const) {
      expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: SAMPLED.tracestate, status: 0 })
      expect(span.resource).toMatchObject({ 'service.name': 'pdp', 'deployment.environment': 'test' })
      expect(span.attributes).toMatchObject({
        'castellan.wire': wire,
        'castellan.code': 'ok',
        'castellan.outcome': 'allow',
        'castellan.reason': 'ROLE',
        'castellan.level': level,
        'castellan.policy.revision': service.policyRevision(),
      })
    }
    const [resolve, warm] = named('castellan.resolve') as [TakenSpan, TakenSpan]
    expect([resolve.parentSpanId, warm.parentSpanId]).toEqual([first.spanId, second.spanId])
    const ofResolve = collector.spans.filter((span) => span.parentSpanId === resolve.spanId).map((span) => span.name)
    expect(ofResolve.sort()).toEqual(['castellan.cache.get', 'castellan.store.resolve'])
    expect(collector.spans.filter((span) => span.parentSpanId === warm.spanId)).toEqual([])
    for (const text of [QUESTION.user, QUESTION.tenant, key]) expect(collector.text()).not.toContain(text)
  })

  it('is one for each item of a stream, whose headers are those of all, and one for a batch, whatever it holds', async () => {
    await open({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    const metadata = bearer(key)
    metadata.set('traceparent', SAMPLED.traceparent)
    const stream = grpc.CheckStream(metadata)
    const answers: { readonly id: string }[] = []
    stream.on('data', (answer: { readonly id: string }) => answers.push(answer))
    for (const id of ['one', 'two']) stream.write({ id, check: QUESTION })
    stream.end()
    await new Promise((resolve) => stream.on('end', resolve))
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...SAMPLED }
    const body = JSON.stringify({ items: [QUESTION, { ...QUESTION, permission: 'no.such.permission' }] })
    await send(service.ports.http, { method: 'POST', path: '/v1/check/batch', headers }, body)
    await service.stop()
    expect(answers.map(({ id }) => id).sort()).toEqual(['one', 'two'])
    const items = named('castellan.CheckStream')
    expect(items.map(({ parentSpanId, attributes }) => [parentSpanId, attributes['castellan.outcome']])).toEqual([
      [PARENT, 'allow'],
      [PARENT, 'allow'],
    ])
    const [batch] = named('castellan.BatchCheck')
    expect(batch?.attributes).toMatchObject({ 'castellan.code': 'ok' })
    expect(batch?.attributes).not.toHaveProperty('castellan.outcome')
  })

  it('is an error where the fault is ours, and is none where it is the caller’s', async () => {
    await open({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces` })
    expect((await overHttp(SAMPLED, { ...QUESTION, permission: '' })).status).toBe(400)
    const refused = await overGrpc(SAMPLED, { ...QUESTION, permission: '' })
    expect(refused.fault?.code).toBe(3)
    await postgres.query('drop table role_assignment cascade')
    expect((await overHttp(SAMPLED)).status).toBe(503)
    await service.stop()
    const spans = named('castellan.Check')
    expect(spans.map(({ status, attributes }) => [attributes['castellan.wire'], status])).toEqual([
      ['http', 0],
      ['grpc', 0],
      ['http', 2],
    ])
    expect(refused.traceResponse).toContain(spans[1]?.spanId)
    expect(named('castellan.store.resolve')[0]?.status).toBe(2)
    expect(collector.text()).not.toContain('role_assignment')
  })

  it('is not recorded when its caller’s is not, and then no span is claimed', async () => {
    await open({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    const answer = await overHttp({ traceparent: `00-${TRACE}-${PARENT}-00` })
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.headers['traceresponse']).toBeUndefined()
    expect((await overGrpc({ traceparent: `00-${TRACE}-${PARENT}-00` })).traceResponse).toBeUndefined()
    await service.stop()
    expect(collector.spans).toEqual([])
  })

  it('stands in the exemplar of its duration, for a scraper that asks for OpenMetrics', async () => {
    await open({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    await overHttp({})
    const asked = { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' }
    const page = await fetch(`http://127.0.0.1:${service.ports.probes}/metrics`, { headers: asked })
    expect(page.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
    const text = await page.text()
    await service.stop()
    const [span] = named('castellan.Check')
    expect(text).toContain(`# {trace_id="${span?.traceId}"}`)
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('that the collector does not take is counted and told, and breaks no check', async () => {
    await open({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    collector.answer(400)
    expect((await overHttp(SAMPLED)).status).toBe(200)
    await service.stop()
    expect(collector.spans).toEqual([])
    expect((await metrics.text()).body).toMatch(/^castellan_trace_spans_total\{result="lost"\} [1-9]/m)
    expect(witness.lines.filter((line) => line.includes('does not take them'))).toHaveLength(1)
  })
})

describe('the variables of OpenTelemetry', () => {
  it('ask for nothing when they are absent, empty, none or disabled', () => {
    for (const environment of [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
      { OTEL_SERVICE_NAME: 'pdp' },
      { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' },
      { OTEL_SDK_DISABLED: 'TRUE', OTEL_TRACES_EXPORTER: 'otlp' },
    ] as Record<string, string>[])
      expect(tracingPlanFrom(environment)).toBeUndefined()
  })

  it('say where, how much and as whom', () => {
    expect(tracingPlanFrom({ OTEL_TRACES_EXPORTER: 'otlp' })).toEqual({
      url: 'http://localhost:4318/v1/traces',
      sampler: { kind: 'always_on', ratio: 1, parentBased: true },
      resource: { 'service.name': 'castellan' },
    })
    expect(
      tracingPlanFrom({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example/otlp/',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_RESOURCE_ATTRIBUTES: 'service.name=named%20here, a=b',
      }),
    ).toEqual({
      url: 'https://c.example/otlp/v1/traces',
      sampler: { kind: 'traceidratio', ratio: 0.25, parentBased: true },
      resource: { 'service.name': 'named here', a: 'b' },
    })
    expect(tracingPlanFrom({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'always_off' })?.sampler).toMatchObject({
      kind: 'always_off',
      parentBased: false,
    })
  })

  it('that could not be meant are refused together, each by its name', () => {
    const environment = {
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '25',
      OTEL_RESOURCE_ATTRIBUTES: 'team',
    }
    let fault: unknown
    try {
      tracingPlanFrom(environment)
    } catch (thrown) {
      fault = thrown
    }
    expect(fault).toBeInstanceOf(SettingsError)
    expect((fault as SettingsError).code).toBe('settings_invalid')
    expect((fault as SettingsError).faults.map(({ name }) => name).sort()).toEqual(
      Object.keys(environment)
        .filter((name) => name !== 'OTEL_TRACES_SAMPLER')
        .sort(),
    )
    expect(() => tracingPlanFrom({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'jaeger_remote' })).toThrow(/OTEL_TRACES_SAMPLER/)
  })
})
