/** The service of the bench: up with the bench's facts, and nothing of them in the file system while it is measured. Needs dist/. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { type Facts, loadFacts } from '../../bench/facts.ts'
import { type BenchService, openBenchService } from '../../bench/service.ts'
import { createHttpClient } from '../../src/client/create-http-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'castellan-bench-test-'))
const before = process.env['TMPDIR']
let service: BenchService
beforeAll(async () => {
  const facts: Facts = { ...(await loadFacts()), people: [{ user: 'ann', attributes: { regions: [] }, roles: { acme: ['salesperson'] } }] }
  process.env['TMPDIR'] = folder
  service = await openBenchService(facts)
})
afterAll(async () => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  await service?.close()
  rmSync(folder, { recursive: true, force: true })
})

it('holds the facts, and has left no file of them', async () => {
  expect(readdirSync(folder).filter((name) => name.startsWith('castellan-bench-'))).toEqual([])
  const client = createHttpClient({ url: service.url, credentials: { key: service.key }, deadlineMs: 30_000 })
  expect(await client.can({ user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })).toBe(true)
  await client.close()
})
