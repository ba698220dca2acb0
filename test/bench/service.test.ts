/** The service of the bench: up with the bench's facts, and nothing of them in the file system while it is measured. Needs dist/. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { type Facts, loadFacts } from '../../bench/facts.ts'
import { type BenchService, openBenchService } from '../../bench/service.ts'
import { createHttpClient } from '../../src/client/create-http-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'castellan-bench-test-'))
let service: BenchService
beforeAll(async () => {
  const facts: Facts = { ...(await loadFacts()), people: [{ user: 'ann', attributes: { regions: [] }, roles: { acme: ['salesperson'] } }] }
  service = await openBenchService(facts, folder)
})
afterAll(async () => {
  await service?.close()
  rmSync(folder, { recursive: true, force: true })
})

it('holds the facts, and has left no file of them', async () => {
  expect(readdirSync(folder)).toEqual([])
  const client = createHttpClient({ url: service.url, credentials: { key: service.key }, deadlineMs: 30_000 })
  expect(await client.can({ user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })).toBe(true)
  await client.close()
})
