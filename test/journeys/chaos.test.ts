/** The chaos run in its short form: real replicas, PostgreSQL and Redis, broken while they are asked. The long one is `npm run chaos`. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FaultKind } from '../chaos/options.ts'
import type { Summary } from '../chaos/summary.ts'
import { cleanEnvironment, type Ended, follow, type RunningCastellan } from '../support/castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Those in which what is kept and what holds come apart furthest. */
const TELLING: readonly FaultKind[] = ['redis-old-copy', 'replica-freeze', 'replica-kill', 'both-away']

let folder: string
const running = new Set<RunningCastellan>()
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-chaos-journey-'))
})
afterAll(async () => {
  // One that a failed test left behind ends, with all that it has started.
  for (const run of running) run.kill('SIGTERM')
  await Promise.all([...running].map((run) => run.ended))
  rmSync(folder, { recursive: true, force: true })
})

function chaos(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', './test/chaos/typescript.mjs', 'test/chaos/run.ts', ...args], {
    cwd: root,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const run = follow(child)
  running.add(run)
  return run.ended.finally(() => running.delete(run))
}

async function summaryOf(...args: readonly string[]): Promise<Summary & { readonly code: number | null }> {
  const file = join(folder, 'summary.json')
  const { code, out, err } = await chaos('--json', file, ...args)
  if (code === null || err !== '') throw new Error(`The run did not come to its end:\n${out}${err}`)
  return { ...(JSON.parse(readFileSync(file, 'utf8')) as Summary), code }
}

describe('three replicas that are asked and changed while things break', () => {
  it('keep every promise of freshness', async () => {
    const summary = await summaryOf('--seconds', '28', '--seed', '53', '--faults', TELLING.join(','))
    expect(summary.examples).toEqual([])
    expect(summary.violations).toEqual({ F1: 0, F2: 0, F3: 0, window: 0, outage: 0, truth: 0, lost: 0 })
    expect(summary.complaints).toEqual([])
    expect(summary.faults.map(({ kind, hit }) => ({ kind, hit: hit > 0 }))).toEqual(TELLING.map((kind) => ({ kind, hit: true })))
    // That much was there to be broken.
    expect(summary.answers).toBeGreaterThan(1_000)
    for (const wire of ['grpc', 'stream', 'http'] as const) expect(summary.checksByWire[wire]).toBeGreaterThan(200)
    for (const level of ['memory', 'redis', 'store'] as const) expect(summary.readFrom[level]).toBeGreaterThan(0)
    expect(summary.outdated.redis).toBeGreaterThan(0)
    // Of people who log in as well: some whose login held, and some whose session, account or key had ended.
    expect(summary.tokens.checks).toBeGreaterThan(200)
    for (const said of ['allowed', 'revoked', 'invalid'] as const) expect(summary.tokens[said]).toBeGreaterThan(0)
    for (const kind of ['end-session', 'rotate-keys-at-once', 'deactivate']) expect(summary.changes[kind]).toBeGreaterThan(0)
    expect(summary.policyRevisions).toBeGreaterThan(1)
    // And of clients that decide by themselves while their lines are frozen and cut.
    expect(summary.local.decided).toBeGreaterThan(20)
    expect(summary.code).toBe(0)
  }, 600_000)

  it('would be seen to break them without the validity rule', async () => {
    const summary = await summaryOf('--seconds', '10', '--replicas', '2', '--seed', '7', '--faults', 'redis-old-copy', '--validity', 'off')
    expect(summary.violations.F1).toBeGreaterThan(0)
    // In so few seconds a busy machine asks little: one of the two is enough.
    expect(summary.violations.F2 + summary.violations.window).toBeGreaterThan(0)
    expect(summary.violationsOfTokens).toBeGreaterThan(0)
    expect(summary.code).toBe(0)
  }, 600_000)
})

describe('clients that decide by themselves', () => {
  it('would be seen to break their bound without heartbeats', async () => {
    const summary = await summaryOf('--seconds', '8', '--replicas', '2', '--seed', '7', '--faults', 'none', '--heartbeats', 'off')
    expect(summary.violations.F2).toBeGreaterThan(0)
    // Replicas broke none; a client that hears nothing does not know the database's time either, so windows of its own count too.
    expect(summary.local.violations).toBe(summary.violationsTotal)
    expect(summary.code).toBe(0)
  }, 600_000)
})

describe('npm run chaos', () => {
  it('teaches what it does, and says what is wrong with its arguments', async () => {
    const help = await chaos('--help')
    expect(help).toMatchObject({ code: 0, err: '' })
    for (const kind of TELLING) expect(help.out).toContain(kind)
    expect(await chaos('--faults', 'earthquake')).toMatchObject({ code: 2, err: expect.stringContaining('there is no "earthquake"') })
    expect(await chaos('--seconds', '0')).toMatchObject({ code: 2, err: expect.stringContaining('--seconds') })
  })
})
