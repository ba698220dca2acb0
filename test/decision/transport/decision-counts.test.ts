/** What is counted of decisions, as a scraper reads it. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { openWireMetrics, type WireMetrics } from '../../../src/decision/transport/wire-metrics.ts'
import { Buckets } from '../../../src/ground/histogram.ts'
import { type Metrics, openMetrics } from '../../../src/ground/metrics.ts'
import type { Decided } from '../../../src/model/decision-record.ts'
import { METRIC_CALLERS_MAX, METRIC_PERMISSIONS_MAX } from '../../../src/model/observation-limits.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { bundleOf } from '../../support/house.ts'

const NAMES = Array.from({ length: METRIC_PERMISSIONS_MAX + 20 }, (_, index) => `desk.item-${String(index).padStart(5, '0')}.open`)
const POLICY = compilePolicy(bundleOf({ clerk: NAMES }))
const [FIRST = '', SECOND = ''] = NAMES

let metrics: Metrics
let counts: WireMetrics
beforeEach(() => {
  metrics = openMetrics()
  counts = openWireMetrics(metrics, ['acme'])
})

function decide(
  permission: string,
  more: { readonly allowed?: boolean; readonly by?: string; readonly tenant?: string } & Partial<Decided> = {},
): void {
  const { allowed = true, by = 'shop', tenant = 'acme', ...rest } = more
  const basis = { user: 'ann', tenant, permissions: [permission], policy: POLICY }
  const reason = allowed ? ('ROLE' as const) : ('NO_ASSIGNMENT' as const)
  counts.decided({
    decision: { allowed, reason, via: [], decisionId: 'd', policyRevision: POLICY.revision, position: 1, basis },
    ...{ method: 'Check', wire: 'http', caller: { id: by, name: by }, requestId: 'r', trace: undefined, atMs: 1_700_000_000_000 },
    elapsedMs: 0.3,
    ...rest,
  })
}

/** Series of a family, by labels. */
async function read(family: string, accept?: string): Promise<Record<string, string>> {
  const { body } = await metrics.text(accept)
  const lines = [...body.matchAll(new RegExp(`^${family}(?:\\{(.*?)\\})? (.*)$`, 'gm'))]
  return Object.fromEntries(lines.map(([, labels = '', value = '']) => [labels, value]))
}

describe('decisions are counted', () => {
  it('by wire, outcome and reason, by permission under its full name, by caller, and by tenant where it is named', async () => {
    const entry = POLICY.findPermission(FIRST)
    decide(FIRST)
    decide(entry?.code ?? '', { wire: 'grpc' })
    decide(SECOND, { allowed: false, by: 'desk', tenant: 'other-tenant', method: 'BatchCheck' })
    expect(await read('castellan_decisions_total')).toEqual({
      'wire="http",outcome="allow",reason="ROLE"': '1',
      'wire="grpc",outcome="allow",reason="ROLE"': '1',
      'wire="http",outcome="deny",reason="NO_ASSIGNMENT"': '1',
    })
    expect(await read('castellan_permission_decisions_total')).toEqual({
      [`permission="${FIRST}",outcome="allow"`]: '2',
      [`permission="${SECOND}",outcome="deny"`]: '1',
    })
    expect(await read('castellan_caller_decisions_total')).toEqual({
      'caller="shop",outcome="allow"': '2',
      'caller="desk",outcome="deny"': '1',
    })
    expect(await read('castellan_tenant_decisions_total')).toEqual({
      'tenant="acme",outcome="allow"': '2',
      'tenant="acme",outcome="deny"': '0',
    })
    // A batch's items wait for one another.
    expect(await read('castellan_decision_seconds_count')).toMatchObject({
      'wire="http",level="none"': '1',
      'wire="grpc",level="none"': '1',
    })
  })

  it('once for each name of CheckPermissions, which has no reasons, and not at all when somebody asks why', async () => {
    const basis = { user: 'ann', tenant: 'acme', permissions: [FIRST, SECOND, 'no.such'], policy: POLICY }
    const decision = { allowed: [true, false, false], decisionId: 'd', policyRevision: POLICY.revision, position: 1, basis }
    decide(FIRST, { decision, method: 'CheckPermissions' })
    decide(FIRST, { method: 'Explain' })
    expect(await read('castellan_decisions_total')).toEqual({})
    expect(await read('castellan_permission_decisions_total')).toEqual({
      [`permission="${FIRST}",outcome="allow"`]: '1',
      [`permission="${SECOND}",outcome="deny"`]: '1',
      'permission="other",outcome="deny"': '1',
    })
    expect(await read('castellan_caller_decisions_total')).toEqual({
      'caller="shop",outcome="allow"': '1',
      'caller="shop",outcome="deny"': '2',
    })
  })

  it('of a list that is asked again each time for what was answered then, and for what its names mean in the policy of then', async () => {
    const without = compilePolicy(bundleOf({ clerk: [SECOND] }))
    const ask = (policy: typeof POLICY, ...allowed: boolean[]) => {
      const basis = { user: 'ann', tenant: 'acme', permissions: [FIRST, SECOND], policy }
      const decision = { allowed, decisionId: 'd', policyRevision: policy.revision, position: 1, basis }
      decide(FIRST, { decision, method: 'CheckPermissions' })
    }
    ask(POLICY, true, true)
    ask(POLICY, true, false)
    ask(without, false, true)
    ask(POLICY, false, true)
    expect(await read('castellan_permission_decisions_total')).toEqual({
      [`permission="${FIRST}",outcome="allow"`]: '2',
      [`permission="${FIRST}",outcome="deny"`]: '1',
      [`permission="${SECOND}",outcome="allow"`]: '3',
      [`permission="${SECOND}",outcome="deny"`]: '1',
      'permission="other",outcome="deny"': '1',
    })
  })

  it('in a bounded number of series, whatever is asked and by however many, and none is lost', async () => {
    for (const name of NAMES) decide(name)
    for (let number = 0; number < 10_000; number++)
      decide(`evil.${number}"\n{`, { allowed: false, by: `caller "${number}"\n`, tenant: `tenant-${number}` })
    const permissions = await read('castellan_permission_decisions_total')
    expect(Object.keys(permissions)).toHaveLength(METRIC_PERMISSIONS_MAX + 2)
    expect(permissions).toMatchObject({ 'permission="other",outcome="allow"': '20', 'permission="other",outcome="deny"': '10000' })
    const callers = await read('castellan_caller_decisions_total')
    expect(Object.keys(callers)).toHaveLength(METRIC_CALLERS_MAX + 1)
    expect(Object.values(callers).reduce((sum, count) => sum + Number(count), 0)).toBe(NAMES.length + 10_000)
    expect(Object.keys(await read('castellan_tenant_decisions_total'))).toHaveLength(2)
    expect((await metrics.text()).body).not.toContain('tenant-')
  })

  it('with the trace of a sampled call beside its duration, in OpenMetrics alone', async () => {
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true }
    decide(FIRST, { trace })
    decide(FIRST, { trace: { ...trace, traceId: 'c'.repeat(32), sampled: false } })
    const bucket = 'le="0.0005",wire="http",level="none"'
    const bucketOf = async (accept?: string) => (await read('castellan_decision_seconds_bucket', accept))[bucket]
    expect(await bucketOf('application/openmetrics-text; version=1.0.0')).toBe(`2 # {trace_id="${'a'.repeat(32)}"} 0.0003 1700000000`)
    const prometheus =
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
    expect(await bucketOf(prometheus)).toContain('trace_id')
    const plain = [undefined, 'text/plain', '*/*', 'application/openmetrics-text;q=0', 'text/plain;q=1, application/openmetrics-text;q=0.1']
    for (const accept of plain) expect(await bucketOf(accept)).toBe('2')
  })
})

describe('a histogram', () => {
  it('has every value once, in the least bucket that holds it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 10 }), fc.double({ min: 0, max: 10, noNaN: true }))),
        fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (values, limits) => {
          const bounds = limits.sort((one, other) => one - other)
          const buckets = new Buckets(bounds)
          for (const value of values) buckets.observe(value)
          const read = buckets.values('h', {})
          const expected = [...bounds, Number.POSITIVE_INFINITY].map((bound) => values.filter((value) => value <= bound).length)
          expect(read.filter(({ metricName }) => metricName === 'h_bucket').map(({ value }) => value)).toEqual(expected)
          expect(read.find(({ metricName }) => metricName === 'h_count')?.value).toBe(values.length)
          expect(read.find(({ metricName }) => metricName === 'h_sum')?.value).toBeCloseTo(values.reduce((sum, value) => sum + value, 0))
        },
      ),
    )
  })
})
