/** Starts a worker by node:cluster, which shares ports: the first process listens and hands out connections in turn. Floor 6. */
import cluster, { type Worker } from 'node:cluster'
import type { Readable } from 'node:stream'
import type { StandardOutput } from '../../ground/standard-output.ts'
import { type FromWorker, WORKER_VARIABLE } from './messages.ts'
import { passWholeLines } from './whole-lines.ts'
import type { WorkerProcess } from './worker-pool.ts'

export interface WorkerOutputs {
  readonly output: StandardOutput
  readonly errors: StandardOutput
  /** Told of each stream that is passed on, to be waited for at the end. */
  readonly passed: (ended: Promise<void>) => void
}

/** Once, before the first worker. */
export function prepareCluster(): void {
  // Not what the variable NODE_CLUSTER_SCHED_POLICY may say: by the system alone most connections go to a few processes.
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({ stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
}

export function forkWorker(name: string, { output, errors, passed }: WorkerOutputs): WorkerProcess {
  const worker: Worker = cluster.fork({ [WORKER_VARIABLE]: name })
  // Without file descriptors for it, a process that was not started has neither.
  const { stdout, stderr }: { readonly stdout?: Readable | null; readonly stderr?: Readable | null } = worker.process
  if (stdout != null) passed(passWholeLines(stdout, (lines) => output.take(lines)))
  let isShown = false
  return {
    send: (message) => {
      if (worker.isConnected()) worker.send(message, () => undefined)
    },
    kill: () => void worker.process.kill('SIGKILL'),
    onMessage: (listener) => void worker.on('message', (message: FromWorker) => listener(message)),
    onEnded: (listener) => {
      worker.on('exit', (code, signal) => listener({ code, signal }))
      worker.on('error', (fault) => {
        // Of what cannot be sent, the end is told beside. What was never started has no other end than this.
        if (worker.process.pid === undefined) listener({ code: null, signal: null, fault: fault.message })
      })
    },
    showErrors: (show) => {
      if (isShown || stderr == null) return
      isShown = true
      if (show) passed(passWholeLines(stderr, (lines) => errors.take(lines)))
      else stderr.destroy()
    },
  }
}
