/** A server that is loaded over HTTP/1.1 with prepared questions in turn, once its answers to all of them were looked at. Starts no server. */
import { join } from 'node:path'
import type { Asked } from '../facts.ts'
import type { HttpForm } from '../forms/form.ts'
import { processorMicros } from '../servers/processor-time.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import type { WireContender } from '../wire.ts'
import type { Bench } from '../workload.ts'
import { assertAnswers } from './grpc-contender.ts'
import { callHttp, requestText } from './http-request.ts'
import { loadHttp, writeWrkScript } from './wrk.ts'

export interface HttpContenderPlan {
  readonly name: string
  readonly role: WireContender['role']
  readonly server: ServerProcess
  readonly port: number
  readonly form: HttpForm
  /** One request each. */
  readonly questions: readonly Asked[]
  readonly folder: string
  readonly expected?: (asked: Asked) => boolean
}

export async function openHttpContender(plan: HttpContenderPlan, { signal, stage }: Bench): Promise<WireContender> {
  const { name, role, server, port, form, questions, folder } = plan
  const texts = questions.map((asked) => requestText(port, form.path, form.headers, form.encode([asked])))
  let bytes = 0
  for (const [at, text] of texts.entries()) {
    const reply = await callHttp(port, text)
    if (reply.status !== 200) throw new Error(`${name} answers ${reply.status}: ${reply.body}`)
    const asked = questions.slice(at, at + 1)
    assertAnswers(plan, asked, form.decode(reply.body, asked))
    bytes += reply.bytes
  }
  const script = join(folder, `${name.replaceAll(' ', '-')}.lua`)
  writeWrkScript(script, texts)
  return {
    ...{ name, role, unitsPerRequest: 1 },
    processorMicros: () => processorMicros(server.pid),
    async load(seconds) {
      server.assertRunning()
      try {
        return await loadHttp({ port, script, replyBytes: bytes / texts.length }, { core: stage.place.load, seconds, signal })
      } catch (fault) {
        server.assertRunning()
        throw new Error(`${name}: ${fault instanceof Error ? fault.message : String(fault)}`, { cause: fault })
      }
    },
  }
}
