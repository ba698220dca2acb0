/** What deploy/ shows and alerts on, held against a service of both kinds in one process that a real Prometheus scrapes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { bearer, type Client, decisionClient } from '../decision/transport/wires.ts'
import { ask, type RunningService, startDev } from '../support/castellan-process.ts'
import { deployFolder, familiesOf, panelQueries, readRules } from '../support/deployed-queries.ts'
import { promtool, startPrometheus, type TestPrometheus } from '../support/prometheus.ts'

const RULES = `${deployFolder}prometheus/alerts.yml`
const TRACE = '0af7651916cd43dd8448eb211c80319c'
/** Seconds of samples that rates are taken over. */
const WINDOW = '60s'

let folder: string
let service: RunningService & { readonly identity: string }
let prometheus: TestPrometheus
let grpc: Client

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-observability-'))
  service = await startDev({ cwd: folder, environment: { CASTELLAN_METRICS_TENANTS: 'acme,north-clinic' } })
  grpc = decisionClient(Number(service.grpc.split(':').at(-1)))
  prometheus = await startPrometheus(RULES, new URL(service.probes).host)
  await makeTraffic()
  // What was counted has been scraped, and the rules were evaluated on it.
  await until(async () => Number((await prometheus.query('sum_over_time(up{job="castellan"}[1m])'))[0]?.value[1]) >= 3)
  await makeTraffic()
  const counted = 'sum(castellan_decisions_total{wire="grpc"})'
  const before = Number((await prometheus.query(counted))[0]?.value[1] ?? 0)
  await until(async () => Number((await prometheus.query(counted))[0]?.value[1]) > before || before >= 2)
})
afterAll(async () => {
  grpc?.close()
  await prometheus?.stop()
  service?.process.kill('SIGKILL')
  await service?.process.ended
  rmSync(folder, { recursive: true, force: true })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100))
}

/** Something of everything that is counted. */
async function makeTraffic(): Promise<void> {
  const check = (question: object) => ask(service, 'POST', '/v1/check', question)
  const ann = { user: 'ann', tenant: 'acme' }
  await check({ ...ann, permission: 'sales.quote.create' })
  await check({ ...ann, permission: 'sales.quote.crate' })
  await check({ ...ann, permission: 'sales.quote.send' })
  await check({ user: 'nobody', tenant: 'north-clinic', permission: 'coding.medical-stay.read' })
  await check({ permission: 'sales.quote.create', accessToken: 'not.a.token' })
  await ask(service, 'POST', '/v1/check/permissions', { ...ann, permissions: ['sales.quote.create', 'coding.medical-stay.read'] })
  await ask(service, 'POST', '/v1/check/batch', { items: [{ ...ann, permission: 'sales.quote.create' }] })
  await fetch(`${service.url}/v1/check`, { method: 'POST', headers: { authorization: `Bearer ${'x'.repeat(40)}` } })
  const metadata = bearer(service.key)
  metadata.set('traceparent', `00-${TRACE}-b7ad6b7169203331-01`)
  await new Promise((resolve) => grpc.Check({ ...ann, permission: 'sales.quote.create' }, metadata, resolve))
  const place = '/v1/tenants/acme/users/ann/assignments'
  await ask(service, 'POST', place, { role: 'finance-cover', expiresAt: new Date(Date.now() + 3_600_000).toISOString(), reason: 'covers' })
  await ask(service, 'DELETE', `${place}?role=finance-cover`)
  const accessToken = await logIn()
  expect((await check({ permission: 'sales.quote.create', accessToken })).body).toMatchObject({ allowed: true })
}

/** By the code of the mail. */
async function logIn(): Promise<string> {
  const post = async (path: string, body: object, cookie = '') =>
    await fetch(`${service.identity}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie },
      body: JSON.stringify(body),
    })
  const started = await post('/v1/login/start', { email: 'ann@example.org', clientId: 'demo', tenant: 'acme' })
  const cookie = started.headers
    .getSetCookie()
    .map((text) => text.split(';', 1)[0])
    .join('; ')
  const { challengeId } = (await started.json()) as { challengeId: string }
  await post('/v1/login/verify', { challengeId, code: '000000' }, cookie)
  for (;;) {
    const mails = await (await fetch(`${service.identity}/dev/mailbox?format=json`)).text()
    for (const [, code] of mails.matchAll(/\\n(\d{6})\\n/g)) {
      const verified = await post('/v1/login/verify', { challengeId, code }, cookie)
      if (verified.ok) return ((await verified.json()) as { accessToken: string }).accessToken
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const scrape = async (accept = 'text/plain') => await (await fetch(`${service.probes}/metrics`, { headers: { accept } })).text()

describe('metrics', () => {
  it('exist, with a sample, wherever a dashboard or an alert names one', async () => {
    const text = await scrape()
    const sampled = new Set([...text.matchAll(/^(castellan_\w+)[{ ]/gm)].map(([, name = '']) => name.replace(/_(bucket|sum|count)$/, '')))
    const named = [...panelQueries(WINDOW).map(({ expression }) => expression), ...readRules().map(({ expr }) => expr)].flatMap(familiesOf)
    expect(named.length).toBeGreaterThan(60)
    expect([...new Set(named)].filter((name) => !sampled.has(name))).toEqual([])
  })

  it('pass promtool', async () => {
    expect(promtool(['check', 'metrics'], await scrape())).toEqual({ status: 0, text: '' })
  })

  it('say the same in OpenMetrics, with the trace of a sampled call beside its duration', async () => {
    const names = (text: string) => [...new Set([...text.matchAll(/^(castellan_\w+)[{ ]/gm)].map(([, name]) => name))].sort()
    const open = await scrape('application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5')
    expect(names(open)).toEqual(names(await scrape()))
    expect(open).toMatch(new RegExp(`^castellan_decision_seconds_bucket\\{.*wire="grpc".*# \\{trace_id="${TRACE}"\\}`, 'm'))
  })
})

describe('a real Prometheus', () => {
  it('answers every query of every dashboard, and finds something for each', async () => {
    const empty: string[] = []
    for (const { place, expression } of panelQueries(WINDOW)) if ((await prometheus.query(expression)).length === 0) empty.push(place)
    // The policy did not change meanwhile.
    expect(empty.filter((place) => !place.endsWith(': annotation'))).toEqual([])
  })

  it('evaluates every alert rule without an error, on metrics that it has', async () => {
    const { groups } = (await prometheus.ask('rules')) as {
      readonly groups: readonly { readonly rules: readonly { name: string; health: string; lastError?: string; state: string }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.map(({ name }) => name).sort()).toEqual(
      readRules()
        .map(({ alert }) => alert)
        .sort(),
    )
    expect(rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined)).toEqual([])
    const named = new Set(readRules().flatMap(({ expr }) => familiesOf(expr)))
    const absent: string[] = []
    for (const name of named) if ((await prometheus.query(`count({__name__=~"${name}(_bucket)?"})`)).length === 0) absent.push(name)
    expect(absent).toEqual([])
  })

  it('keeps the exemplars that it scrapes', async () => {
    const found = await prometheus.ask('query_exemplars', {
      query: 'castellan_decision_seconds_bucket',
      start: String(Date.now() / 1_000 - 300),
      end: String(Date.now() / 1_000 + 10),
    })
    expect(JSON.stringify(found)).toContain(`"trace_id":"${TRACE}"`)
  })
})
