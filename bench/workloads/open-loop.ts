/** Latency at fixed offered rates, each a share of what the server takes at most: requests come when they come, and not when the last one was answered. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainQuestions } from '../facts.ts'
import { needH2load, needLinux } from '../load/generators.ts'
import { openGrpcContender } from '../load/grpc-contender.ts'
import { openHttpContender } from '../load/http-contender.ts'
import { median } from '../measure.ts'
import { latenciesFromDue, percentile, type Written } from '../open-loop/latencies.ts'
import { type Offer, offer } from '../open-loop/offer.ts'
import { allowedOnes } from '../questions.ts'
import type { Study, StudyResult } from '../study.ts'
import { measureWire, type WireContender } from '../wire.ts'
import type { Bench } from '../workload.ts'
import { openTurns, type Turns } from './servers-in-turn.ts'

const SHARES = [0.25, 0.5, 0.75, 0.9] as const
const PERCENTILES = [0.5, 0.99, 0.999] as const
/** How many of the requests that were due have to have been answered for a rate to count as kept. */
const KEPT_MIN = 0.95
/** For what a server takes at most. */
const SATURATING_ROUNDS = 3

type Server = WireContender & { readonly key: string; readonly offered: Omit<Offer, 'ratePerSecond' | 'folder'> }

export const openLoop: Study = {
  name: 'open-loop',
  title: 'Latency at fixed offered rates',
  async run(bench): Promise<StudyResult> {
    needLinux()
    needH2load()
    bench.say('starting the servers, and asking all of them the same')
    const turns = await openTurns(bench)
    try {
      const servers = await openServers(turns, bench)
      bench.say('what each of them takes at most')
      const saturated = await measureWire(servers, { ...bench, rounds: Math.min(bench.rounds, SATURATING_ROUNDS) })
      const rates = servers.map((_, index) => median(saturated[index]?.rounds ?? []))
      const seen = await offerAll(servers, rates, turns.folder, bench)
      return resultOf(servers, rates, seen, Math.ceil(bench.seconds) * bench.rounds)
    } finally {
      await turns.close()
    }
  },
}

async function openServers({ castellan, bare, facts, folder, expected }: Turns, bench: Bench): Promise<readonly Server[]> {
  const asked = allowedOnes(plainQuestions(facts), expected, 1)
  const { check, http } = castellan.forms
  const put = (name: string, body: string | Uint8Array) => {
    const file = join(folder, name)
    writeFileSync(file, body)
    return file
  }
  const grpcBody = put('offered-grpc', check.encode(asked))
  const httpBody = put('offered-http', http.encode(asked))
  const grpc = async (
    key: string,
    name: string,
    role: 'ours' | 'floor',
    server: typeof castellan.server | typeof bare,
  ): Promise<Server> => {
    const shared = { name, role, server, port: server.grpcPort, form: check, folder }
    const contender = await openGrpcContender({ ...shared, requests: [asked], shape: { connections: 8, streams: 16 } }, bench)
    const headers = { 'content-type': 'application/grpc', te: 'trailers', ...check.headers }
    return { ...contender, key, offered: { port: server.grpcPort, path: check.path, protocol: 'h2', body: grpcBody, headers } }
  }
  const plain = async (
    key: string,
    name: string,
    role: 'ours' | 'floor',
    server: typeof castellan.server | typeof bare,
  ): Promise<Server> => {
    const contender = await openHttpContender({ name, role, server, port: server.httpPort, form: http, questions: asked, folder }, bench)
    const headers = { 'content-type': 'application/json', ...http.headers }
    return { ...contender, key, offered: { port: server.httpPort, path: http.path, protocol: 'http/1.1', body: httpBody, headers } }
  }
  return [
    await grpc('grpc', 'castellan gRPC', 'ours', castellan.server),
    await grpc('bare_grpc', 'bare grpc-js', 'floor', bare),
    await plain('http', 'castellan HTTP', 'ours', castellan.server),
    await plain('bare_http', 'bare node:http', 'floor', bare),
  ]
}

/** Rounds interleaved as elsewhere; the one that does not count was the closed one before. @returns latencies by server and share */
async function offerAll(
  servers: readonly Server[],
  rates: readonly number[],
  folder: string,
  bench: Bench,
): Promise<readonly Float64Array[][]> {
  const seen = servers.map(() => SHARES.map(() => [] as Float64Array[]))
  for (let round = 1; round <= bench.rounds; round += 1) {
    for (const [at, share] of SHARES.entries()) {
      for (let turn = 0; turn < servers.length; turn += 1) {
        const which = (turn + round) % servers.length
        const ratePerSecond = share * (rates[which] ?? 0)
        const { offered } = servers[which] as Server
        bench.signal.throwIfAborted()
        const run = { core: bench.stage.place.load, seconds: Math.ceil(bench.seconds), signal: bench.signal }
        const written: readonly Written[] = await offer({ ...offered, ratePerSecond, folder }, run)
        seen[which]?.[at]?.push(latenciesFromDue(written, ratePerSecond))
      }
    }
    bench.onRound(round)
  }
  return seen.map((shares) => shares.map((rounds) => joined(rounds)))
}

function joined(parts: readonly Float64Array[]): Float64Array {
  return Float64Array.from(parts.flatMap((part) => [...part])).sort()
}

function resultOf(
  servers: readonly Server[],
  rates: readonly number[],
  seen: readonly (readonly Float64Array[])[],
  secondsOffered: number,
): StudyResult {
  const figures: Record<string, number> = {}
  const rows: string[][] = []
  const notes: string[] = []
  for (const [at, share] of SHARES.entries()) {
    for (const [which, { key, name }] of servers.entries()) {
      const [rate, latencies] = [share * (rates[which] ?? 0), seen[which]?.[at] ?? new Float64Array()]
      const percent = Math.round(share * 100)
      const micros = PERCENTILES.map((one) => percentile(latencies, one))
      rows.push([`${name}, ${percent} %`, rate.toFixed(0), ...micros.map((one) => (one / 1_000).toFixed(2))])
      for (const [index, one] of PERCENTILES.entries())
        figures[`${key}_p${String(100 * one).replace('.', '')}_us_at_${percent}`] = micros[index] ?? 0
      const kept = latencies.length / (rate * secondsOffered)
      if (kept < KEPT_MIN)
        notes.push(
          `${name} at ${percent} %: only ${(100 * kept).toFixed(0)} % of what was due was answered in time: it did not keep up, or the load did not`,
        )
    }
  }
  for (const key of ['grpc', 'http'] as const)
    figures[`${key}_p99_over_bare_at_50`] = (figures[`${key}_p99_us_at_50`] ?? 0) / (figures[`bare_${key}_p99_us_at_50`] ?? 0)
  return {
    facts: 'one check, warm; rates are shares of what the server takes at most in this run',
    columns: ['', 'offered/s', 'p50 ms', 'p99 ms', 'p99.9 ms'],
    rows,
    figures,
    notes: [...notes, 'Latencies count from when a request was due, not from when it was sent.'],
  }
}
