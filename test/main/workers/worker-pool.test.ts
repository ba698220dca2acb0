/** How the pool of workers goes on when processes do what processes do: fail to start, hang, speak late. Whole ones are in test/journeys/workers.test.ts. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { systemClock } from '../../../src/ground/clock.ts'
import { openLog } from '../../../src/ground/log.ts'
import type { FromWorker, ToWorker } from '../../../src/main/workers/messages.ts'
import { type WorkerEnd, WorkerPool, type WorkerProcess } from '../../../src/main/workers/worker-pool.ts'
import {
  WORKER_PAUSE_MS_MIN,
  WORKER_REPORT_TIMEOUT_MS,
  WORKER_ROUND_MS,
  WORKER_SILENT_ROUNDS_MAX,
  WORKER_UNSTARTED_MS,
} from '../../../src/model/process-limits.ts'

const KILLED: WorkerEnd = { code: null, signal: 'SIGKILL' }
const SILENT_MS = WORKER_ROUND_MS * WORKER_SILENT_ROUNDS_MAX

/** Does what it is told, as long as it does not hang. */
class FakeProcess implements WorkerProcess {
  readonly name: string
  readonly heard: ToWorker['kind'][] = []
  hangs = false
  killed = false
  #say: (message: FromWorker) => void = () => undefined
  #end: (end: WorkerEnd) => void = () => undefined

  constructor(name: string) {
    this.name = name
  }
  send(message: ToWorker): void {
    this.heard.push(message.kind)
    if (this.hangs) return
    if (message.kind === 'ping') this.say({ kind: 'pong' })
    if (message.kind === 'stop') this.end({ code: 0, signal: null })
  }
  kill(): void {
    this.killed = true
    this.end(KILLED)
  }
  onMessage(listener: (message: FromWorker) => void): void {
    this.#say = listener
  }
  onEnded(listener: (end: WorkerEnd) => void): void {
    this.#end = listener
  }
  showErrors(): void {}
  say(message: FromWorker): void {
    this.#say(message)
  }
  ready(): void {
    this.say({ kind: 'ready', ports: { http: 1, grpc: 2 }, replica: `replica of ${this.name}`, pid: 3 })
  }
  end(end: WorkerEnd): void {
    this.#end(end)
  }
}

function openPool() {
  const forked: FakeProcess[] = []
  const lines: { readonly msg: string; readonly of?: string }[] = []
  let refusal: Error | undefined
  const pool = new WorkerPool({
    names: ['1', '2'],
    fork: (name) => {
      if (refusal !== undefined) throw refusal
      const process = new FakeProcess(name)
      forked.push(process)
      return process
    },
    clock: systemClock,
    log: openLog('info', { write: (line) => void lines.push(JSON.parse(line)) }),
    ended: () => undefined,
    astray: () => undefined,
  })
  const refuse = (fault: Error | undefined) => {
    refusal = fault
  }
  return { pool, forked, lines, refuse, of: (name: string) => forked.filter((one) => one.name === name) }
}

async function startedPool() {
  const opened = openPool()
  const starting = opened.pool.start()
  const [first, second] = opened.forked as [FakeProcess, FakeProcess]
  for (const process of [first, second]) process.ready()
  expect(await starting).toEqual({ http: 1, grpc: 2 })
  return { ...opened, first, second }
}

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms)

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

describe('a worker that cannot be started again', () => {
  const NEVER_STARTED: WorkerEnd = { code: null, signal: null, fault: 'spawn node ENOENT' }

  it('is tried again after longer and longer pauses, while the other one goes on', async () => {
    const { pool, first, of } = await startedPool()
    first.end(KILLED)
    for (const pause of [WORKER_PAUSE_MS_MIN, WORKER_PAUSE_MS_MIN * 2, WORKER_PAUSE_MS_MIN * 4]) {
      const before = of('1').length
      await pass(pause - 1)
      expect(of('1')).toHaveLength(before)
      await pass(1)
      expect(of('1')).toHaveLength(before + 1)
      of('1').at(-1)?.end(NEVER_STARTED)
    }
    expect(pool.replicas.map(({ worker }) => worker)).toEqual(['2'])
    expect(await pool.stop()).toBe(true)
  })

  it('ends nothing when the system refuses it at once, and answers again when it does not any more', async () => {
    const { pool, first, refuse, of } = await startedPool()
    refuse(new Error('spawn ENOMEM'))
    first.end(KILLED)
    await pass(WORKER_PAUSE_MS_MIN * 7)
    expect(of('1')).toHaveLength(1)
    refuse(undefined)
    await pass(WORKER_PAUSE_MS_MIN * 8)
    of('1').at(-1)?.ready()
    expect(pool.replicas.map(({ worker }) => worker)).toEqual(['1', '2'])
  })

  it('is not tried any more once all stop', async () => {
    const { pool, first, of } = await startedPool()
    first.end(KILLED)
    expect(await pool.stop()).toBe(true)
    await pass(SILENT_MS)
    expect(of('1')).toHaveLength(1)
  })
})

describe('a service that cannot start', () => {
  it('says why, when the system refuses its first process', async () => {
    const { pool, refuse, forked } = openPool()
    refuse(new Error('spawn ENOMEM'))
    expect(await pool.start()).toEqual({ code: null, signal: null, fault: 'spawn ENOMEM' })
    expect(forked).toEqual([])
  })

  it('waits for another worker that hangs no longer than is told', async () => {
    const { pool, forked } = openPool()
    const starting = pool.start()
    const [first, second] = forked as [FakeProcess, FakeProcess]
    second.hangs = true
    first.end({ code: 1, signal: null })
    await pass(WORKER_UNSTARTED_MS - 1)
    expect(second).toMatchObject({ heard: ['stop'], killed: false })
    await pass(1)
    expect(second.killed).toBe(true)
    expect(await starting).toEqual({ code: 1, signal: null })
  })
})

describe('a worker that hangs for good', () => {
  it('is ended and started again, and no other one', async () => {
    const { pool, first, second, of, lines } = await startedPool()
    first.hangs = true
    await pass(SILENT_MS)
    expect(first.killed).toBe(false)
    await pass(WORKER_ROUND_MS)
    expect([first.killed, second.killed]).toEqual([true, false])
    await pass(WORKER_PAUSE_MS_MIN)
    of('1').at(-1)?.ready()
    expect(pool.replicas.map(({ worker }) => worker)).toEqual(['1', '2'])
    expect(lines.filter(({ of }) => of === '1').map(({ msg }) => msg)).toEqual([
      'worker hangs, is ended',
      'worker ended, starts again',
      'worker answers again',
    ])
  })

  it('is one also when it hangs while it starts again', async () => {
    const { first, of } = await startedPool()
    first.end(KILLED)
    await pass(WORKER_PAUSE_MS_MIN)
    const again = of('1').at(-1) as FakeProcess
    again.hangs = true
    await pass(SILENT_MS + WORKER_ROUND_MS)
    expect(again.killed).toBe(true)
  })

  it('is not one that goes on in between', async () => {
    const { first, second } = await startedPool()
    for (let times = 0; times < 3; times += 1) {
      first.hangs = true
      await pass(SILENT_MS - WORKER_ROUND_MS)
      first.hangs = false
      await pass(WORKER_ROUND_MS)
    }
    expect([first.killed, second.killed]).toEqual([false, false])
  })

  it('is left to the time that stopping has', async () => {
    const { pool, first } = await startedPool()
    first.hangs = true
    const stopped = pool.stop()
    await pass(SILENT_MS * 2)
    expect(first.killed).toBe(false)
    pool.kill()
    expect(await stopped).toBe(false)
  })
})

it('a worker that has ended is not taken for ready by what it had said before, and has ended once', async () => {
  const { pool, first, lines } = await startedPool()
  first.end(KILLED)
  first.ready()
  expect(pool.replicas.map(({ worker }) => worker)).toEqual(['2'])
  first.end(KILLED)
  expect(lines.filter(({ msg }) => msg === 'worker ended, starts again')).toHaveLength(1)
  const asked = pool.ask('readiness')
  await pass(WORKER_REPORT_TIMEOUT_MS)
  expect((await asked)[0]).toEqual({ worker: '1', state: 'starting' })
})
