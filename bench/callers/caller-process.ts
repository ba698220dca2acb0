/**
 * Run by run-caller.ts: a process that asks a service, as its first argument says, with so many questions under way at once. For each line on its
 * standard input, a number of seconds, it asks for so long and tells what of the processor each check took it.
 */
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { credentials, type GrpcObject, loadPackageDefinition, Metadata, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { createClient } from '../../src/client/exports/client.ts'
import type { Asked } from '../facts.ts'
import type { CallerPlan, CallerTold } from './run-caller.ts'

interface Caller {
  ask(question: Asked): Promise<boolean>
  close(): void | Promise<void>
}

const HOST = '127.0.0.1'
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url))

/** With the settings that everybody has who sets none. */
function openOurs({ grpcPort, key }: CallerPlan): Caller {
  const client = createClient({ target: `${HOST}:${grpcPort}`, credentials: { key } })
  return { ask: async (question) => (await client.check(question)).allowed, close: () => client.close() }
}

function openGrpcJs({ grpcPort, key }: CallerPlan): Caller {
  const options = { includeDirs: [PROTO], longs: Number, enums: String, defaults: true, oneofs: true }
  const loaded = loadPackageDefinition(loadSync(['castellan/v1/decision_service.proto'], options))
  const Service = ((loaded['castellan'] as GrpcObject)['v1'] as GrpcObject)['DecisionService'] as ServiceClientConstructor
  const client = new Service(`${HOST}:${grpcPort}`, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${key}`)
  const check = client['Check']?.bind(client)
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + DEADLINE_MS
        check?.(question, metadata, { deadline }, (fault: Error | null, answer?: { allowed: boolean }) => {
          if (fault === null && answer !== undefined) resolve(answer.allowed)
          else reject(fault ?? new Error('no answer'))
        })
      }),
    close: () => client.close(),
  }
}

function openNodeHttp({ httpPort, key, atOnce }: CallerPlan): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const common = { host: HOST, port: httpPort, path: '/v1/check', method: 'POST', agent }
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify(question)
        const headers = {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          authorization: `Bearer ${key}`,
        }
        const sent = request({ ...common, headers, timeout: DEADLINE_MS }, (answer) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            if (answer.statusCode === 200) resolve((JSON.parse(text) as { allowed: boolean }).allowed)
            else reject(new Error(`${answer.statusCode}: ${text}`))
          })
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy(),
  }
}

const DEADLINE_MS = 5_000
const KINDS = { castellan: openOurs, 'grpc-js': openGrpcJs, 'node:http': openNodeHttp }

const plan = JSON.parse(process.argv[2] ?? '') as CallerPlan
const caller = KINDS[plan.kind](plan)
for (const { question, allowed } of plan.questions)
  if ((await caller.ask(question)) !== allowed) throw new Error(`${plan.kind} is answered otherwise to ${JSON.stringify(question)}`)
process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await askFor(Number(line)))}\n`)
}
await caller.close()
process.exit()

async function askFor(seconds: number): Promise<CallerTold> {
  const { questions, atOnce } = plan
  const [startedAtMs, begun] = [performance.now(), process.cpuUsage()]
  const endAtMs = startedAtMs + seconds * 1_000
  let asked = 0
  // Each asks its next question when it has its answer, as requests of an application do.
  const one = async () => {
    while (performance.now() < endAtMs) {
      const each = questions[asked % questions.length]
      asked += 1
      if (each === undefined || (await caller.ask(each.question)) !== each.allowed)
        throw new Error(`${plan.kind}: not the answer it has to give`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  const { user, system } = process.cpuUsage(begun)
  return { cpuMicros: (user + system) / asked, perSecond: (asked * 1_000) / (performance.now() - startedAtMs) }
}
