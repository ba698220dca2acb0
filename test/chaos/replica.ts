/** One replica: its process, and the connections to it. A slot outlives the processes that stand in it one after the other. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { castellanEntry, cleanEnvironment, follow, type RunningCastellan } from '../support/castellan-process.ts'
import type { GrpcServices } from './grpc-services.ts'
import { openWires, type Wires } from './wires.ts'

export interface ReplicaPlan {
  /** Whether it asks if what it keeps still holds. */
  readonly validity: boolean
  readonly environment: Readonly<Record<string, string>>
  readonly cwd: string
  readonly services: GrpcServices
  /** Told why, each time that a process ended before it was ready and another one is started, as a supervisor would. */
  readonly startFailed: (why: string) => void
}

/** Starts before it is given up. */
const STARTS_MAX = 20

const LOADER = new URL('./typescript.mjs', import.meta.url).href
const WITHOUT_RULE = fileURLToPath(new URL('./replica-without-rule.ts', import.meta.url))

export class ReplicaSlot {
  readonly name: string
  readonly #plan: ReplicaPlan
  #process: RunningCastellan
  #wires: Wires

  private constructor(name: string, plan: ReplicaPlan, started: Started) {
    this.name = name
    this.#plan = plan
    this.#process = started.process
    this.#wires = started.wires
  }

  static async start(name: string, plan: ReplicaPlan): Promise<ReplicaSlot> {
    return new ReplicaSlot(name, plan, await startProcess(plan))
  }

  /** Of the process that stands here now, or stood here last. */
  get wires(): Wires {
    return this.#wires
  }

  get pid(): number {
    return this.#process.child.pid ?? 0
  }

  /** What it logged of `level` 50 and more: nothing of a run should be a surprise to the product. */
  errors(): readonly string[] {
    return this.#process
      .out()
      .split('\n')
      .filter((line) => /"level":(50|60|"error"|"fatal")/.test(line))
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** @returns by which signal it went */
  async kill(): Promise<NodeJS.Signals | null> {
    this.#process.kill('SIGKILL')
    return (await this.#process.ended).signal
  }

  async replace(): Promise<void> {
    const { process, wires } = await startProcess(this.#plan)
    this.#wires.close()
    this.#process = process
    this.#wires = wires
  }

  /** @returns its exit code */
  async stop(): Promise<number | null> {
    this.#wires.close()
    this.#process.kill('SIGTERM')
    return (await this.#process.ended).code
  }
}

interface Started {
  readonly process: RunningCastellan
  readonly wires: Wires
}

async function startProcess(plan: ReplicaPlan): Promise<Started> {
  for (let start = 1; ; start++) {
    try {
      return await startOnce(plan)
    } catch (fault) {
      if (start === STARTS_MAX) throw fault
      plan.startFailed(firstErrorLine(fault))
    }
  }
}

/** Of a process that ended, as `seen` tells it: what it said on standard error. */
function firstErrorLine(fault: unknown): string {
  const message = fault instanceof Error ? fault.message : String(fault)
  return /"err":"(.*?)(?:\\n|")/.exec(message)?.[1] ?? message
}

/** @throws when it ends before it is ready */
async function startOnce({ validity, environment, cwd, services }: ReplicaPlan): Promise<Started> {
  const args = validity ? [castellanEntry, 'serve'] : ['--import', LOADER, WITHOUT_RULE]
  const child = spawn(process.execPath, args, { cwd, env: cleanEnvironment(environment), stdio: ['ignore', 'pipe', 'pipe'] })
  // A replica that a failing run leaves behind must not outlive it.
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  const running = follow(child)
  const [, http, grpc, probes] = await running.seen(/"ports":\{"http":(\d+),"grpc":(\d+),"probes":(\d+)\}/)
  return { process: running, wires: openWires({ http: Number(http), grpc: Number(grpc), probes: Number(probes) }, services) }
}
