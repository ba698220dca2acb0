/** The workers of a service: starts them, asks them, starts again what ended, and stops all. Says nothing of what they serve. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import { WORKER_REPORT_TIMEOUT_MS, WORKER_ROUND_MS, WORKER_SILENT_ROUNDS_MAX, WORKER_UNSTARTED_MS } from '../../model/process-limits.ts'
import { type Answers, type FromWorker, type Question, readAnswer, type ToWorker, type WorkerReady } from './messages.ts'
import { pauseBeforeRestart } from './pause.ts'

/** One process, as the pool sees it. */
export interface WorkerProcess {
  /** Does nothing when it is gone. */
  send(message: ToWorker): void
  /** By force. */
  kill(): void
  onMessage(listener: (message: FromWorker) => void): void
  onEnded(listener: (end: WorkerEnd) => void): void
  /** Whether what it had to say when it started is shown: its errors are told by who fails first, and by nobody else. */
  showErrors(show: boolean): void
}

export interface WorkerEnd {
  readonly code: number | null
  readonly signal: string | null
  /** The system's words, when there was no process at all. */
  readonly fault?: string
}

/** What a worker said when it was asked. */
export interface Told<About extends Question> {
  readonly worker: string
  readonly state: 'answered' | 'silent' | 'starting'
  /** Absent: it did not answer. */
  readonly answer?: Answers[About]
}

export interface WorkerPoolNeeds {
  readonly names: readonly string[]
  /** @throws when the system has no room for another process */
  readonly fork: (name: string) => WorkerProcess
  readonly clock: Clock
  readonly log: Log
  /** After it was ready, and not while all stop. */
  readonly ended: (name: string) => void
  /** A worker that was started again has other ports than the service has told: nobody would find it. */
  readonly astray: () => void
}

interface Slot {
  readonly name: string
  process: WorkerProcess | undefined
  ready: WorkerReady | undefined
  readySinceMs: number
  pauseMs: number
  timer: NodeJS.Timeout | undefined
  /** Rounds since it said anything. */
  silentRounds: number
}

export class WorkerPool {
  readonly #needs: WorkerPoolNeeds
  readonly #slots: readonly Slot[]
  readonly #pending = new Map<number, { readonly slot: Slot; readonly settle: (text: string | undefined) => void }>()
  #number = 0
  #started = false
  #stopping = false
  #failed: ((end: WorkerEnd) => void) | undefined
  #allReady: (() => void) | undefined
  #allEnded: (() => void) | undefined
  #clean = true
  #rounds: NodeJS.Timeout | undefined
  /** As the service has told them. */
  #ports: WorkerReady['ports'] | undefined

  constructor(needs: WorkerPoolNeeds) {
    this.#needs = needs
    const fresh = { process: undefined, ready: undefined, readySinceMs: 0, pauseMs: 0, timer: undefined, silentRounds: 0 }
    this.#slots = needs.names.map((name) => ({ name, ...fresh }))
  }

  /** All were ready once. */
  get started(): boolean {
    return this.#started
  }

  /** Those that are ready now. */
  get replicas(): readonly { readonly worker: string; readonly replica: string; readonly pid: number }[] {
    return this.#slots.flatMap(({ name, ready }) => (ready === undefined ? [] : [{ worker: name, replica: ready.replica, pid: ready.pid }]))
  }

  /** Resolves with their ports when all are ready, or with how the first one ended that could not start; the others have ended too then. */
  async start(): Promise<WorkerReady['ports'] | WorkerEnd> {
    const outcome = await new Promise<WorkerEnd | undefined>((resolve) => {
      this.#failed = resolve
      this.#allReady = () => resolve(undefined)
      for (const slot of this.#slots) if (!this.#stopping) this.#fork(slot)
    })
    if (outcome === undefined && this.#ports !== undefined) return this.#ports
    // One that hangs hears nothing.
    const byForce = setTimeout(() => this.kill(), WORKER_UNSTARTED_MS)
    await this.stop()
    clearTimeout(byForce)
    return outcome ?? { code: null, signal: null }
  }

  async ask<About extends Question>(about: About): Promise<readonly Told<About>[]> {
    return await Promise.all(this.#slots.map((slot) => this.#askOne(slot, about)))
  }

  reload(): void {
    for (const { process } of this.#slots) process?.send({ kind: 'reload' })
  }

  /** Resolves when all have ended. @returns whether each of them ended well */
  async stop(): Promise<boolean> {
    this.#startNoMore()
    const running = this.#slots.filter(({ process }) => process !== undefined)
    if (running.length > 0)
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve
        for (const { process } of running) process?.send({ kind: 'stop' })
      })
    return this.#clean
  }

  /** By force, at once. */
  kill(): void {
    this.#startNoMore()
    for (const { process } of this.#slots) process?.kill()
  }

  #startNoMore(): void {
    this.#stopping = true
    clearInterval(this.#rounds)
    for (const { timer } of this.#slots) clearTimeout(timer)
  }

  #fork(slot: Slot): void {
    let process: WorkerProcess
    try {
      process = this.#needs.fork(slot.name)
    } catch (fault) {
      // No memory for another process, say: those that run go on.
      this.#hasEnded(slot, undefined, { code: null, signal: null, fault: fault instanceof Error ? fault.message : String(fault) })
      return
    }
    slot.process = process
    slot.ready = undefined
    slot.silentRounds = 0
    process.onMessage((message) => {
      // What one that has ended had said is read late.
      if (slot.process !== process) return
      slot.silentRounds = 0
      if (message.kind === 'ready') this.#isReady(slot, process, message)
      else if (message.kind === 'answer') this.#pending.get(message.number)?.settle(message.text)
    })
    process.onEnded((end) => this.#hasEnded(slot, process, end))
  }

  #isReady(slot: Slot, process: WorkerProcess, ready: WorkerReady): void {
    const { clock, log, astray } = this.#needs
    process.showErrors(true)
    slot.ready = ready
    slot.readySinceMs = clock.monotonicMs()
    if (this.#started) log.info({ of: slot.name, replica: ready.replica, pid: ready.pid }, 'worker answers again')
    this.#ports ??= ready.ports
    if (ready.ports.http !== this.#ports.http || ready.ports.grpc !== this.#ports.grpc) astray()
    if (this.#started || this.#stopping || this.#slots.some((one) => one.ready === undefined)) return
    this.#started = true
    this.#rounds = setInterval(() => this.#round(), WORKER_ROUND_MS)
    this.#allReady?.()
  }

  /** Who hangs for good gets connections as before and takes the service out: nothing but its end helps. */
  #round(): void {
    for (const slot of this.#slots) {
      if (slot.silentRounds === WORKER_SILENT_ROUNDS_MAX) {
        this.#needs.log.error({ of: slot.name, silentMs: WORKER_SILENT_ROUNDS_MAX * WORKER_ROUND_MS }, 'worker hangs, is ended')
        slot.process?.kill()
      } else if (slot.process !== undefined) {
        slot.silentRounds += 1
        slot.process.send({ kind: 'ping' })
      }
    }
  }

  /** @param process absent: it was never one */
  #hasEnded(slot: Slot, process: WorkerProcess | undefined, end: WorkerEnd): void {
    if (slot.process !== process) return
    const { clock, log, ended } = this.#needs
    const readyMs = slot.ready === undefined ? 0 : clock.monotonicMs() - slot.readySinceMs
    const wasReady = slot.ready !== undefined
    slot.process = undefined
    slot.ready = undefined
    slot.silentRounds = 0
    for (const { slot: asked, settle } of [...this.#pending.values()]) if (asked === slot) settle(undefined)
    if (this.#stopping) {
      process?.showErrors(this.#started)
      if (wasReady && end.code !== 0) this.#clean = false
      if (this.#slots.every((one) => one.process === undefined)) this.#allEnded?.()
      return
    }
    process?.showErrors(true)
    if (!this.#started) {
      // Whoever ends next does so because of this one, or of the same reason.
      this.#stopping = true
      this.#failed?.(end)
      return
    }
    if (wasReady) ended(slot.name)
    slot.pauseMs = pauseBeforeRestart(slot.pauseMs, readyMs)
    log.error({ of: slot.name, ...end, againInMs: slot.pauseMs }, 'worker ended, starts again')
    slot.timer = setTimeout(() => this.#fork(slot), slot.pauseMs)
  }

  async #askOne<About extends Question>(slot: Slot, about: About): Promise<Told<About>> {
    const { name: worker, process, ready } = slot
    if (process === undefined || ready === undefined) return { worker, state: 'starting' }
    const number = ++this.#number
    const text = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), WORKER_REPORT_TIMEOUT_MS)
      this.#pending.set(number, {
        slot,
        settle: (said) => {
          clearTimeout(timer)
          resolve(said)
        },
      })
      process.send({ kind: 'question', number, about })
    })
    this.#pending.delete(number)
    if (text === undefined) return { worker, state: slot.process === process ? 'silent' : 'starting' }
    return { worker, state: 'answered', answer: readAnswer<About>(text) }
  }
}
