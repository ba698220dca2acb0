/** One check a request, everything warm: over gRPC, on a stream, over HTTP, with a condition, by access token, without the decision log. */
import { AUDIENCE, ISSUER, Logins } from '../../test/chaos/logins.ts'
import { type Asked, conditionQuestions, type Facts, plainQuestions } from '../facts.ts'
import type { GrpcForm } from '../forms/form.ts'
import { needH2load, needLinux, needWrk } from '../load/generators.ts'
import { openGrpcContender } from '../load/grpc-contender.ts'
import type { Shape } from '../load/h2load.ts'
import { openHttpContender } from '../load/http-contender.ts'
import { allowedOnes } from '../questions.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import { type OpenWireWorkload, type WireContender, type WirePlan, wireWorkload } from '../wire.ts'
import type { Bench, Workload } from '../workload.ts'
import { openOurs, openTurns, type Turns } from './servers-in-turn.ts'

/** As a caller with some processes of its own has it; one connection with more streams gives more, for all alike. */
const UNARY: Shape = { connections: 8, streams: 16 }
/** A stream is one request with this many checks. */
const STREAM_CHECKS = 1_000
const STREAMS: Shape = { connections: 1, streams: 2 }
/** One a round. */
const REQUESTS = 8
/** Asked in turn by one load. */
const HTTP_QUESTIONS = 64

/** @param open as for `wireWorkload`, once Linux and the load generator are here; what it opened is closed when it fails */
export function turnsWorkload(
  plan: Omit<WirePlan, 'open'>,
  need: () => void,
  open: (turns: Turns, bench: Bench) => Promise<{ readonly contenders: readonly WireContender[]; readonly facts: string }>,
): Workload {
  return wireWorkload({
    ...plan,
    async open(bench): Promise<OpenWireWorkload> {
      needLinux()
      need()
      const turns = await openTurns(bench)
      try {
        return { ...(await open(turns, bench)), notes: turns.notes, close: () => turns.close() }
      } catch (fault) {
        await turns.close()
        throw fault
      }
    },
  })
}

export const wireCheckGrpc = turnsWorkload(
  { name: 'wire-check-grpc', title: 'Check over gRPC, unary', unit: 'checks/s' },
  needH2load,
  async (turns, bench) => {
    const requests = allowedOnes(plainQuestions(turns.facts), turns.expected, REQUESTS).map((asked) => [asked])
    const contenders = await unary(turns, bench, requests, turns.castellan.forms.check)
    return { contenders, facts: shapeWords(turns.facts, UNARY) }
  },
)

/** What the service falls back to where it does not know grpc-js's server. */
const WITHOUT_OWN_SERVER = new URL('../servers/without-own-server.mjs', import.meta.url).href

export const wireCheckGrpcFallback = turnsWorkload(
  { name: 'wire-check-grpc-fallback', title: "Check over gRPC, unary, all of it grpc-js's own way", unit: 'checks/s' },
  needH2load,
  async ({ facts, bare, folder, expected }, bench) => {
    const { server, forms } = await openOurs(bench, { environment: { NODE_OPTIONS: `--import ${WITHOUT_OWN_SERVER}` } })
    const requests = allowedOnes(plainQuestions(facts), expected, REQUESTS).map((asked) => [asked])
    const shared = { requests, folder, form: forms.check, shape: UNARY }
    return {
      contenders: [
        await openGrpcContender({ ...shared, name: 'castellan', role: 'ours', server, port: server.grpcPort, expected }, bench),
        await openGrpcContender({ ...shared, name: 'bare grpc-js', role: 'floor', server: bare, port: bare.grpcPort }, bench),
      ],
      facts: shapeWords(facts, UNARY),
    }
  },
)

export const wireCheckCondition = turnsWorkload(
  { name: 'wire-check-condition', title: 'Check with a condition on the resource, gRPC unary', unit: 'checks/s' },
  needH2load,
  async (turns, bench) => {
    const requests = allowedOnes(conditionQuestions(turns.facts), turns.expected, REQUESTS).map((asked) => [asked])
    const contenders = await unary(turns, bench, requests, turns.castellan.forms.check)
    return { contenders, facts: shapeWords(turns.facts, UNARY) }
  },
)

export const wireCheckStream = turnsWorkload(
  { name: 'wire-check-stream', title: 'Check on a stream of gRPC', unit: 'checks/s' },
  needH2load,
  async (turns, bench) => {
    const { castellan, bare, folder, expected } = turns
    const table = plainQuestions(turns.facts)
    const requests = [table.slice(0, STREAM_CHECKS), table.slice(-STREAM_CHECKS)]
    const form = castellan.forms.stream
    const shared = { folder, requests, form, shape: STREAMS }
    const ours = {
      ...shared,
      name: 'castellan',
      role: 'ours',
      server: castellan.server,
      port: castellan.server.grpcPort,
      expected,
    } as const
    const floor = { ...shared, name: 'bare grpc-js stream', role: 'floor', server: bare, port: bare.grpcPort } as const
    const unaryOnes = allowedOnes(table, expected, REQUESTS).map((asked) => [asked])
    return {
      // Cerbos has no stream: its unary method is what a caller has there.
      contenders: [
        await openGrpcContender(ours, bench),
        ...(await cerbosUnary(turns, bench, unaryOnes)),
        await openGrpcContender(floor, bench),
      ],
      facts: `${STREAM_CHECKS} checks on each of ${STREAMS.connections * STREAMS.streams} streams at once; Cerbos by unary calls`,
    }
  },
)

export const wireCheckHttp = turnsWorkload(
  { name: 'wire-check-http', title: 'Check over HTTP', unit: 'checks/s' },
  needWrk,
  async ({ facts, castellan, cerbos, bare, folder, expected }, bench) => {
    const questions = plainQuestions(facts).slice(0, HTTP_QUESTIONS)
    const shared = { questions, folder }
    const form = castellan.forms.http
    const contenders = [
      await openHttpContender(
        { ...shared, name: 'castellan', role: 'ours', server: castellan.server, port: castellan.server.httpPort, form, expected },
        bench,
      ),
      ...(cerbos === undefined
        ? []
        : [
            await openHttpContender(
              {
                ...shared,
                name: 'cerbos',
                role: 'peer',
                server: cerbos.server,
                port: cerbos.server.httpPort,
                form: cerbos.forms.http,
                expected,
              },
              bench,
            ),
          ]),
      await openHttpContender({ ...shared, name: 'bare node:http', role: 'floor', server: bare, port: bare.httpPort, form }, bench),
    ]
    return { contenders, facts: `${questions.length} questions in turn on 32 connections` }
  },
)

export const wireCheckToken = turnsWorkload(
  { name: 'wire-check-token', title: 'Check by access token, gRPC unary', unit: 'checks/s' },
  needH2load,
  async (turns, bench) => {
    const { bare, folder, expected } = turns
    const { postgresUrl } = await bench.stage.stores()
    const { server, forms } = await openOurs(bench, { environment: { CASTELLAN_ISSUER: ISSUER, CASTELLAN_TOKEN_AUDIENCE: AUDIENCE } })
    const asked = allowedOnes(plainQuestions(turns.facts), expected, REQUESTS)
    const tokens = await logInAll(postgresUrl, asked)
    const form = forms.withTokens((one) => tokens.get(one) ?? '')
    const shared = { folder, requests: asked.map((one) => [one]), shape: UNARY }
    const ours = { ...shared, server, port: server.grpcPort, expected }
    return {
      contenders: [
        await openGrpcContender({ ...ours, name: 'castellan by token', role: 'ours', form }, bench),
        await openGrpcContender({ ...ours, name: 'castellan by names', role: 'floor', form: forms.check }, bench),
        await openGrpcContender({ ...shared, name: 'bare grpc-js', role: 'floor', server: bare, port: bare.grpcPort, form }, bench),
      ],
      facts: `${shapeWords(turns.facts, UNARY)}; tokens of ${asked.length} sessions`,
    }
  },
)

export const wireDecisionLog = turnsWorkload(
  { name: 'wire-decision-log', title: 'Check over gRPC, with the decision log and without', unit: 'checks/s' },
  needH2load,
  async ({ facts, castellan, folder, expected }, bench) => {
    const without = await openOurs(bench, { decisionLog: 'none' })
    const requests = allowedOnes(plainQuestions(facts), expected, REQUESTS).map((asked) => [asked])
    const contender = (name: string, role: 'ours' | 'floor', server: typeof castellan.server, form: GrpcForm) =>
      openGrpcContender({ ...{ name, role, server, form, requests, folder, expected }, port: server.grpcPort, shape: UNARY }, bench)
    return {
      contenders: [
        await contender('castellan', 'ours', castellan.server, castellan.forms.check),
        await contender('castellan without decision log', 'floor', without.server, without.forms.check),
      ],
      facts: `${shapeWords(facts, UNARY)}; to a pipe that another process reads`,
    }
  },
)

async function unary(
  turns: Turns,
  bench: Bench,
  requests: readonly (readonly Asked[])[],
  form: GrpcForm,
): Promise<readonly WireContender[]> {
  const { castellan, bare, folder, expected } = turns
  const ours = { name: 'castellan', role: 'ours', server: castellan.server, port: castellan.server.grpcPort } as const
  const floor = (name: string, server: ServerProcess, port: number) =>
    openGrpcContender({ ...{ name, role: 'floor', server, port, form, requests, folder }, shape: UNARY }, bench)
  return [
    await openGrpcContender({ ...ours, form, requests, folder, expected, shape: UNARY }, bench),
    ...(await cerbosUnary(turns, bench, requests)),
    await floor('bare grpc-js', bare, bare.grpcPort),
    await floor('bare node:http2', bare, bare.http2Port),
  ]
}

async function cerbosUnary(
  { cerbos, folder, expected }: Turns,
  bench: Bench,
  requests: readonly (readonly Asked[])[],
): Promise<readonly WireContender[]> {
  if (cerbos === undefined) return []
  const peer = { name: 'cerbos', role: 'peer', server: cerbos.server, port: cerbos.server.grpcPort, form: cerbos.forms.check } as const
  return [await openGrpcContender({ ...peer, requests, folder, expected, shape: UNARY }, bench)]
}

async function logInAll(postgresUrl: string, asked: readonly Asked[]): Promise<ReadonlyMap<Asked, string>> {
  const logins = await Logins.open(postgresUrl)
  try {
    const tokens = new Map<Asked, string>()
    for (const one of asked) {
      const held = await logins.logIn(one.user, one.tenant, 'bench')
      if (held === undefined) throw new Error(`${one.user} cannot be logged in`)
      tokens.set(one, held.accessToken)
    }
    return tokens
  } finally {
    await logins.close()
  }
}

function shapeWords({ people, tenants }: Facts, { connections, streams }: Shape): string {
  return `${people.length} people in ${tenants.length} tenants; ${connections} connections with ${streams} calls under way each`
}
