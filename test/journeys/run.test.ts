/** `castellan run` as its users run it: a test command beside a service of its own. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { runCastellan, startCastellan } from '../support/castellan-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'castellan-run-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Asks as an application would, tells what the answer was, then waits for a signal. */
const COMMAND = `
const { CASTELLAN_URL: url, CASTELLAN_KEY: key, CASTELLAN_GRPC_TARGET: target, CASTELLAN_IDENTITY_URL: identity } = process.env
process.on('SIGTERM', () => process.exit(9))
const check = async (permission) => {
  const headers = { authorization: 'Bearer ' + key, 'content-type': 'application/json' }
  const answer = await fetch(url + '/v1/check', { method: 'POST', headers, body: JSON.stringify({ user: 'kim', tenant: 'acme', permission }) })
  return (await answer.json()).reason
}
const metadata = await (await fetch(identity + '/.well-known/openid-configuration')).json()
const reasons = [await check('sales.quote.create'), await check('finance.payout.create'), await check('agents.desk.view')]
console.log(JSON.stringify({ reasons, target, issuer: metadata.issuer === identity, file: process.env.CASTELLAN_KEY_FILE ?? 'none', key: key.length }))
setInterval(() => undefined, 1000)
`

describe('castellan run', () => {
  it('gives a command a service with the facts of a file, passes signals on, and ends as the command does', async () => {
    writeFileSync(join(folder, 'command.mjs'), COMMAND)
    const grants = [
      { user: 'kim', tenant: 'acme', role: 'salesperson' },
      { user: 'kim', tenant: 'acme', role: 'finance-cover', until: 'PT2H' },
    ]
    writeFileSync(join(folder, 'facts.json'), JSON.stringify({ grants }))
    const before = readdirSync(folder)
    const run = startCastellan(['run', '--facts', 'facts.json', '--', process.execPath, 'command.mjs'], {
      cwd: folder,
      environment: { CASTELLAN_KEY_FILE: '/nowhere', CASTELLAN_REDIS_URL: 'redis://127.0.0.1:1' },
    })
    const [line] = await run.seen(/^\{"reasons".*\}$/m)
    expect(JSON.parse(line)).toMatchObject({
      reasons: ['ROLE', 'TEMPORARY_GRANT', 'ROLE_LACKS_PERMISSION'],
      target: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      ...{ issuer: true, file: 'none', key: 43 },
    })
    run.kill('SIGTERM')
    const ended = await run.ended
    expect({ code: ended.code, signal: ended.signal }).toEqual({ code: 9, signal: null })
    expect(ended.out).toBe(`${line}\n`)
    expect(ended.err).toMatch(/^castellan: a service for this run: HTTP http:\/\/127\.0\.0\.1:\d+, gRPC \S+, policies \S+$/m)
    // The key is nowhere, nor anything that looks like one.
    expect(ended.err).not.toMatch(/[\w-]{43}/)
    expect(readdirSync(folder)).toEqual(before)
  })

  it('runs nothing when the service does not come up, and says why', async () => {
    const touch = [process.execPath, '-e', 'require("fs").writeFileSync("ran", "")']
    const noPolicies = await runCastellan(['run', '--policies', './none', '--', ...touch], { cwd: folder })
    expect(noPolicies).toMatchObject({ code: 1, out: '' })
    expect(noPolicies.err).toContain('the folder cannot be read')
    const inProduction = await runCastellan(['run', '--', ...touch], { cwd: folder, environment: { NODE_ENV: 'production' } })
    expect(inProduction).toMatchObject({ code: 2, out: '' })
    expect(readdirSync(folder)).not.toContain('ran')
  })

  it('teaches who forgot the command, or the dashes before it', async () => {
    for (const args of [['run'], ['run', 'npx', 'jest', '--watch']]) {
      const taught = await runCastellan(args, { cwd: folder })
      expect(taught.code).toBe(2)
      expect(taught.err).toContain('castellan run -- npm test')
    }
    expect((await runCastellan(['run', '--help'], { cwd: folder })).out).toContain('CASTELLAN_GRPC_TARGET')
  })
})
