/** What workloads over a wire have in common: the servers with the same facts, all asked the whole table once. Measures nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Asked, type Facts, plainQuestions } from '../facts.ts'
import { type CastellanForms, castellanForms } from '../forms/castellan-forms.ts'
import { type CerbosForms, cerbosForms } from '../forms/cerbos-forms.ts'
import type { GrpcForm } from '../forms/form.ts'
import { openGrpcCaller } from '../load/grpc-call.ts'
import { assertAnswers } from '../load/grpc-contender.ts'
import { answersOf } from '../questions.ts'
import { type BareServers, openBare } from '../servers/bare.ts'
import type { CastellanOptions, CastellanServer } from '../servers/castellan.ts'
import { type CerbosServer, openCerbos } from '../servers/cerbos.ts'
import { type Bench, MissingError } from '../workload.ts'

export interface OurTurn {
  readonly server: CastellanServer
  readonly forms: CastellanForms
}

export interface CerbosTurn {
  readonly server: CerbosServer
  readonly forms: CerbosForms
}

export interface Turns {
  readonly facts: Facts
  readonly expected: (asked: Asked) => boolean
  readonly castellan: OurTurn
  /** Absent where there is no binary of it; the notes say so. */
  readonly cerbos: CerbosTurn | undefined
  readonly bare: BareServers
  /** Prepared bodies lie here until the workload is over. */
  readonly folder: string
  readonly notes: readonly string[]
  close(): Promise<void>
}

/** Of the table, asked at once. */
const ASKED_AT_ONCE = 64

export async function openTurns(bench: Bench, options?: CastellanOptions): Promise<Turns> {
  const { stage } = bench
  const facts = await stage.facts()
  const expected = answersOf(facts)
  const castellan = await openOurs(bench, options)
  const notes: string[] = []
  const cerbos = await stage
    .shared('cerbos', () => openCerbos(facts, stage.place))
    .then((server) => ({ server, forms: cerbosForms(facts) }))
    .catch((fault: unknown) => {
      if (!(fault instanceof MissingError)) throw fault
      notes.push(fault.message)
      return undefined
    })
  if (cerbos !== undefined)
    await stage.once('cerbos says the same', () => askTable('cerbos', cerbos.server.grpcPort, cerbos.forms.check, facts))
  const bare = await stage.shared('bare', () => openBare(stage.place))
  // In one that goes when the bench is killed, too.
  const folder = mkdtempSync(join(bare.folder, 'asked-'))
  return { facts, expected, castellan, cerbos, bare, folder, notes, close: async () => rmSync(folder, { recursive: true, force: true }) }
}

export async function openOurs({ stage }: Bench, options?: CastellanOptions): Promise<OurTurn> {
  const server = await stage.castellan(options)
  const forms = castellanForms(server.key)
  await stage.once(`castellan says the same ${server.pid}`, async () =>
    askTable('castellan', server.grpcPort, forms.check, await stage.facts()),
  )
  return { server, forms }
}

/** The whole table over the server's own wire, denies included. @throws Error naming a question that it answers in another way */
async function askTable(name: string, port: number, form: GrpcForm, facts: Facts): Promise<void> {
  const expected = answersOf(facts)
  const questions = [...plainQuestions(facts)]
  const caller = openGrpcCaller(port)
  const one = async () => {
    for (let asked = questions.pop(); asked !== undefined; asked = questions.pop()) {
      const { messages } = await caller.call(form.path, form.encode([asked]), form.headers)
      assertAnswers({ name, expected }, [asked], form.decode(messages, [asked]))
    }
  }
  try {
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, one))
  } finally {
    caller.close()
  }
}
