/** A server that is loaded over gRPC with prepared questions, once its answers to all of them were looked at. Starts no server. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Asked } from '../facts.ts'
import type { GrpcForm } from '../forms/form.ts'
import { processorMicros } from '../servers/processor-time.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import type { WireContender } from '../wire.ts'
import type { Bench } from '../workload.ts'
import { openGrpcCaller } from './grpc-call.ts'
import { loadH2, type Shape } from './h2load.ts'

export interface GrpcContenderPlan {
  readonly name: string
  readonly role: WireContender['role']
  readonly server: ServerProcess
  readonly port: number
  readonly form: GrpcForm
  /** Questions of one request each; round after round another one is loaded, for all contenders the same. */
  readonly requests: readonly (readonly Asked[])[]
  readonly shape: Shape
  /** For the prepared bodies; goes with the workload. */
  readonly folder: string
  /** What has to be answered; a floor decides nothing, and only has to answer each. */
  readonly expected?: (asked: Asked) => boolean
}

export async function openGrpcContender(plan: GrpcContenderPlan, { signal, stage }: Bench): Promise<WireContender> {
  const { name, role, server, port, form, requests, shape, folder } = plan
  const caller = openGrpcCaller(port)
  const prepared: { readonly body: string; readonly replyBytes: number }[] = []
  try {
    for (const [at, questions] of requests.entries()) {
      const body = form.encode(questions)
      const { messages, bytes } = await caller.call(form.path, body, form.headers)
      assertAnswers(plan, questions, form.decode(messages, questions))
      const file = join(folder, `${name.replaceAll(' ', '-')}-${at}`)
      writeFileSync(file, body)
      prepared.push({ body: file, replyBytes: bytes })
    }
  } finally {
    caller.close()
  }
  return {
    name,
    role,
    unitsPerRequest: requests[0]?.length ?? 0,
    processorMicros: () => processorMicros(server.pid),
    async load(seconds, round) {
      server.assertRunning()
      const one = prepared[round % prepared.length]
      if (one === undefined) throw new Error('Nothing is prepared to be asked')
      try {
        return await loadH2({ port, path: form.path, headers: form.headers, shape, ...one }, { core: stage.place.load, seconds, signal })
      } catch (fault) {
        server.assertRunning()
        throw new Error(`${name}: ${fault instanceof Error ? fault.message : String(fault)}`, { cause: fault })
      }
    },
  }
}

/** @throws Error naming the first question with another answer than expected */
export function assertAnswers(
  { name, expected }: { readonly name: string; readonly expected?: (asked: Asked) => boolean },
  questions: readonly Asked[],
  answers: readonly boolean[],
): void {
  if (answers.length !== questions.length) throw new Error(`${name} answers ${answers.length} of ${questions.length} questions`)
  if (expected === undefined) return
  for (const [at, asked] of questions.entries()) {
    if (answers[at] !== expected(asked))
      throw new Error(
        `Not the same question to all: ${name} says ${answers[at] ? 'yes' : 'no'} to ${JSON.stringify(asked)}, the engine does not`,
      )
  }
}
