/** A process that is one of several of a service: obeys the first one, and says there what others say on a port of their own. Floor 6. */
import cluster from 'node:cluster'
import type { Metrics } from '../../ground/metrics.ts'
import type { Readiness } from '../../wire/readiness.ts'
import type { DecisionLogPlan } from '../decision-log-plan.ts'
import type { OpenProbes } from '../open-foundation.ts'
import { openStopping, type SignalNeeds, type Stopping } from '../signals.ts'
import { type FromWorker, type Question, type ToWorker, type WorkerReady, writeAnswer } from './messages.ts'

/** What a terminal or a supervisor sends to all processes of a group: the first one hears it too, and tells us. */
const SENT_TO_ALL = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

export interface WorkerRole {
  readonly openProbes: OpenProbes
  /** From here on it obeys. @returns what resolves when everything is stopped */
  ready(ready: Omit<WorkerReady, 'kind' | 'pid'>, needs: SignalNeeds): { readonly stopped: Promise<void> }
}

export function openWorkerRole(process: NodeJS.Process): WorkerRole {
  let said: { readonly readiness: Readiness; readonly metrics: Pick<Metrics, 'families'> } | undefined
  let stopping: Stopping | undefined
  // Whoever has gone needs no answer.
  const tell = (message: FromWorker) => void process.send?.(message, undefined, {}, () => undefined)
  const answer = async (about: Question): Promise<string | undefined> => {
    if (said === undefined) return undefined
    return about === 'readiness' ? writeAnswer<'readiness'>(await said.readiness()) : writeAnswer<'metrics'>(await said.metrics.families())
  }
  for (const signal of SENT_TO_ALL) process.on(signal, () => undefined)
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'ping') tell({ kind: 'pong' })
    else if (message.kind === 'question') {
      const { number, about } = message
      answer(about).then(
        (text) => text !== undefined && tell({ kind: 'answer', number, text }),
        // Silence is told as silence.
        () => undefined,
      )
    } else if (message.kind === 'reload') stopping?.reload('SIGHUP')
    // Nothing was begun yet that would have to end well.
    else if (stopping === undefined) process.exit(0)
    else if (!stopping.isStopping) stopping.stop('SIGTERM')
  })
  return {
    openProbes: async (probes) => {
      said = probes
      return { port: 0, close: async () => undefined }
    },
    ready: (ready, needs) => {
      const mine = openStopping(needs)
      stopping = mine
      cluster.worker?.on('disconnect', () => {
        // The first process is gone, and nobody sends us connections any more: what is under way ends well. Otherwise Node.js would exit here.
        if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
        if (!mine.isStopping) mine.stop('disconnect')
      })
      tell({ kind: 'ready', ...ready, pid: process.pid })
      return mine
    },
  }
}

/** Two processes cannot number the files of one name: each worker has its own. */
export function decisionLogOfWorker(plan: DecisionLogPlan, worker: string): DecisionLogPlan {
  const sinks = plan.sinks.map((sink) => (sink.kind === 'file' ? { ...sink, path: pathOfWorker(sink.path, worker) } : sink))
  return { ...plan, sinks }
}

/** `log/decisions.jsonl` → `log/decisions.worker-1.jsonl`: what collects by its ending finds it. */
export function pathOfWorker(path: string, worker: string): string {
  return path.replace(/(\.[^./]*)?$/, (ending: string) => `.worker-${worker}${ending}`)
}
