/** The audit that proves itself, as an operator and an auditor go through it: the built command, two replicas, a real PostgreSQL, a kept log. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, type RunningService, runCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const policies = fileURLToPath(new URL('../../policies', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'castellan-audit-journey-'))
const file = (name: string) => join(folder, name)

let database: TestPostgres
let first: RunningService
let second: RunningService

const serve = () =>
  startServe(KEY, {
    cwd: folder,
    environment: {
      ...{ CASTELLAN_DATABASE_URL: database.url, CASTELLAN_POLICY_SOURCE: 'directory', CASTELLAN_POLICIES: policies },
      ...{ CASTELLAN_STOP_SETTLE_SECONDS: '0', CASTELLAN_AUDIT_KEY_FILE: file('audit-key.pem') },
    },
  })
const castellan = (...args: readonly string[]) =>
  runCastellan(args, { cwd: folder, environment: { CASTELLAN_URL: second.url, CASTELLAN_KEY: KEY } })
const stop = async ({ process }: RunningService) => {
  process.kill('SIGTERM')
  return await process.ended
}

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(file('audit-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  database = await openTestPostgres()
  await runCastellan(['migrate'], { cwd: folder, environment: { CASTELLAN_DATABASE_URL: database.url } })
  ;[first, second] = await Promise.all([serve(), serve()])
}, 60_000)
afterAll(async () => {
  for (const { process } of [first, second]) {
    process.kill('SIGKILL')
    await process.ended
  }
  await database.close()
  rmSync(folder, { recursive: true, force: true })
})

/** As one who owns the database. */
const tamper = async (statement: string) => {
  await database.query('alter table audit_event disable trigger user')
  await database.query(statement)
  await database.query('alter table audit_event enable trigger user')
}

describe('an audit that proves itself', () => {
  it('is chained by all replicas at once, and signed by one of them when it stops', async () => {
    const put = (service: RunningService, number: number) => ask(service, 'PUT', `/v1/users/person-${number}`, { reason: 'begins' })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, number) => put(number % 2 === 0 ? first : second, number)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(await castellan('audit', 'verify')).toMatchObject({ code: 0, out: expect.stringContaining('holds') })
    const { code, out } = await stop(first)
    expect(code).toBe(0)
    writeFileSync(file('service.log'), out)
    expect(out.split('\n').filter((line) => line.includes('"msg":"audit checkpoint"')).length).toBeGreaterThan(0)
    const metrics = await (await fetch(`${second.probes}/metrics`)).text()
    expect(metrics).toMatch(/^castellan_audit_checkpoint_errors_total 0$/m)
    expect(metrics).toMatch(/^castellan_audit_checkpoint_timestamp_seconds /m)
  }, 60_000)

  it('is verified by an auditor with the log that was kept and the public key, also from an export', async () => {
    const key = await runCastellan(['audit', 'key'], { cwd: folder, environment: { CASTELLAN_AUDIT_KEY_FILE: file('audit-key.pem') } })
    expect(key).toMatchObject({ code: 0, out: expect.stringMatching(/^-----BEGIN PUBLIC KEY-----/) })
    writeFileSync(file('audit.pem'), key.out)
    const proof = ['--checkpoints', 'service.log', '--key', 'audit.pem']
    const verified = await castellan('audit', 'verify', ...proof)
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('signatures checked\nholds') })
    expect(await castellan('audit', 'verify', ...proof, '--since-checkpoint')).toMatchObject({ code: 0 })
    expect(await castellan('audit', 'export', '--file', 'audit.jsonl')).toMatchObject({ code: 0 })
    expect(await castellan('audit', 'verify', ...proof, '--file', 'audit.jsonl')).toMatchObject({
      code: 0,
      out: expect.stringContaining('holds'),
    })
    expect((await castellan('audit', 'export', '--format', 'csv')).out.split('\r\n').length).toBeGreaterThan(20)
  }, 60_000)

  it('names the row that somebody with the database changed, and what was cut although the heads were too', async () => {
    await tamper(`update audit_event set actor_name = 'somebody else' where chain = 0 and sequence = 7`)
    const changed = await castellan('audit', 'verify')
    expect(changed).toMatchObject({ code: 1, out: expect.stringMatching(/^changed {2}chain 0, record 7, id \d+: /m) })
    await tamper('delete from audit_event where chain = 0 and sequence >= 7')
    await database.query(
      `update audit_head set sequence = 6, hash = (select hash from audit_event where chain = 0 and sequence = 6) where chain = 0`,
    )
    await database.query('alter table audit_checkpoint disable trigger user')
    await database.query('delete from audit_checkpoint')
    expect(await castellan('audit', 'verify')).toMatchObject({ code: 0 })
    const cut = await castellan('audit', 'verify', '--checkpoints', 'service.log', '--key', 'audit.pem')
    expect(cut).toMatchObject({ code: 1, out: expect.stringMatching(/^cut {2}chain 0, record 7: .*records are gone/m) })
  }, 60_000)
})
