/** A process that nobody asked to trace, held beside one that was. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, runCastellan, startDev } from '../support/castellan-process.ts'
import { type OtlpCollector, openOtlpCollector } from '../support/otlp-collector.ts'

let folder: string
let collector: OtlpCollector
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-tracing-off-'))
  collector = await openOtlpCollector()
})
afterAll(async () => {
  await collector.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Modules of OpenTelemetry that a process loads until it has answered a check and stopped. */
async function loadedBy(environment: Readonly<Record<string, string>>): Promise<string> {
  const modules = join(folder, 'modules')
  writeFileSync(modules, '')
  const watched = { NODE_OPTIONS: `--import ${new URL('loaded-modules.mjs', import.meta.url)}`, MODULES_FILE: modules }
  const service = await startDev({ cwd: folder, environment: { ...watched, ...environment } })
  const answer = await ask(service, 'POST', '/v1/check', { user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })
  expect(answer.body).toMatchObject({ allowed: true })
  service.process.kill('SIGTERM')
  expect(await service.process.ended).toMatchObject({ code: 0 })
  // The library of metrics asks the interface of OpenTelemetry whether a span is under way; that is no SDK.
  const lines = readFileSync(modules, 'utf8').split('\n')
  return lines.filter((line) => !/@opentelemetry\/api(\/|$)/.test(line)).join('\n')
}

describe('castellan without variables of OpenTelemetry', () => {
  it('loads no SDK; with them it does, and sends what is left when it stops', async () => {
    expect(await loadedBy({})).toBe('')
    expect(await loadedBy({ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toBe('')
    expect(collector.spans).toEqual([])
    const loaded = await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-team=desk' })
    expect(loaded).toContain('@opentelemetry/sdk-trace')
    expect(collector.spans.map(({ name }) => name)).toContain('castellan.Check')
    expect(collector.headers[0]).toMatchObject({ 'x-team': 'desk' })
  })

  it('refuses to start with one that could not be meant', async () => {
    const refused = await runCastellan(['dev'], { cwd: folder, environment: { OTEL_TRACES_EXPORTER: 'zipkin' } })
    expect(refused).toMatchObject({ code: 2, out: '' })
    expect(refused.err).toContain('OTEL_TRACES_EXPORTER')
  })
})
