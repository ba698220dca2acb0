/** Servers are compared in interleaved rounds of the same questions; processes of the bench do not outlive it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { summarize } from '../../bench/measure.ts'
import { workloadLines } from '../../bench/report.ts'
import { measureWire, type WireContender } from '../../bench/wire.ts'
import { until } from '../support/redis.ts'

const signal = new AbortController().signal

/** A server that takes so many microseconds of its core for each check, and is asked until it has none left. */
function openServer(name: string, role: WireContender['role'], microsEach: number, turns: string[]): WireContender {
  let micros = 0
  return {
    ...{ name, role, unitsPerRequest: 10 },
    processorMicros: () => micros,
    async load(seconds, round) {
      turns.push(`${name} ${round}`)
      const requests = Math.floor((seconds * 500_000) / (microsEach * 10))
      micros += requests * 10 * microsEach
      return { requests, seconds }
    },
  }
}

describe('measuring servers', () => {
  it('gives each its rate, its processor time a check and its share of the core, in turns that begin with another one', async () => {
    const turns: string[] = []
    const servers = [openServer('ours', 'ours', 50, turns), openServer('peer', 'peer', 200, turns), openServer('bare', 'floor', 25, turns)]
    const measured = await measureWire(servers, { rounds: 1, seconds: 1, onRound: () => undefined, signal })
    expect(turns).toEqual(['ours 0', 'peer 0', 'bare 0', 'peer 1', 'bare 1', 'ours 1'])
    const summaries = summarize(measured)
    expect(summaries).toMatchObject([
      { name: 'ours', median: 10_000, cpuMicros: 50, coreShare: 0.5, ratio: 1 },
      { name: 'peer', median: 2_500, cpuMicros: 200, coreShare: 0.5, ratio: 0.25 },
      { name: 'bare', median: 20_000, cpuMicros: 25, coreShare: 0.5, ratio: 2 },
    ])
    const roles = { ours: 'ours', peer: 'peer', bare: 'floor' } as const
    expect(
      workloadLines({ workload: 'w', title: 'T', unit: 'checks/s', facts: 'f', measurements: [], summaries, roles, notes: [] }),
    ).toEqual([
      'T: f',
      '      checks/s  ± MAD   least    most  CPU µs  of core  × ours',
      'ours    10 000  0.0 %  10 000  10 000   50.00     50 %    1.00',
      'peer     2 500  0.0 %   2 500   2 500  200.00     50 %    0.25',
      'bare    20 000  0.0 %  20 000  20 000   25.00     50 %    2.00',
      'ours is 4.00 × peer (CPU 4.00), 0.50 × bare (CPU 0.50)',
    ])
  })

  it('asks for longer whoever gets through nothing, and gives up on whoever never does', async () => {
    const turns: string[] = []
    const settings = { rounds: 1, seconds: 0.25, onRound: () => undefined, signal }
    const [slow] = await measureWire([openServer('slow', 'peer', 30_000, turns)], settings)
    expect(turns).toEqual(['slow 0', 'slow 1', 'slow 1', 'slow 1'])
    expect(slow?.rounds).toEqual([10])
    await expect(measureWire([openServer('never', 'peer', 1e9, [])], settings)).rejects.toThrow('never answered nothing within 16 s')
  })

  it('ends between two turns when the run is ended', async () => {
    const turns: string[] = []
    const ending = new AbortController()
    const one = openServer('one', 'ours', 50, turns)
    const server: WireContender = {
      ...one,
      load(seconds, round) {
        ending.abort()
        return one.load(seconds, round)
      },
    }
    const settings = { rounds: 5, seconds: 1, onRound: () => undefined, signal: ending.signal }
    await expect(measureWire([server], settings)).rejects.toMatchObject({ name: 'AbortError' })
    expect(turns).toEqual(['one 0'])
  })
})

const LOADER = new URL('../chaos/typescript.mjs', import.meta.url).href
const HOLD = fileURLToPath(new URL('./hold-server.ts', import.meta.url))

/** Linux tells whether a process is there; others have no /proc, and no bench over wires. */
const itOnLinux = process.platform === 'linux' ? it : it.skip
itOnLinux('leaves no process and no folder behind when the bench is killed in the middle', async () => {
  const bench = spawn(process.execPath, ['--no-warnings', '--import', LOADER, HOLD], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(bench.stdout.setEncoding('utf8'), 'data')) as [string]
  const { pids, folder } = JSON.parse(line) as { pids: number[]; folder: string }
  expect([...pids.map((pid) => existsSync(`/proc/${pid}/stat`)), existsSync(folder)]).toEqual([true, true, true])
  bench.kill('SIGKILL')
  await until(() => pids.every((pid) => !running(pid)) && !existsSync(folder))
})

/** What has ended and whom nobody has waited for yet runs no more. */
function running(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
