/** Offers requests to a server at a fixed rate, whatever it answers, by h2load, which writes each down. Judges nothing. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadRun, runLoad } from '../load/load-process.ts'
import { parseLog, type Written } from './latencies.ts'

export interface Offer {
  readonly port: number
  readonly path: string
  readonly protocol: 'h2' | 'http/1.1'
  /** File with the body of one request. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly ratePerSecond: number
  /** For the log; it goes when it was read. */
  readonly folder: string
}

/** As many as one server has from callers of its own kind: calls share connections, HTTP/1.1 has one request on each. */
const CLIENTS = { h2: 8, 'http/1.1': 64 } as const
/** Under way on one connection at most: far more than there are while a server keeps up. */
const STREAMS = { h2: 1_000, 'http/1.1': 1 } as const

/** @throws Error for an answer other than 200, for a load that is not what was asked for */
export async function offer(
  { port, path, protocol, body, headers, ratePerSecond, folder }: Offer,
  run: LoadRun,
): Promise<readonly Written[]> {
  const log = join(folder, 'offered.log')
  const [clients, streams] = [CLIENTS[protocol], STREAMS[protocol]]
  const words = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const rate = String(Math.max(1, Math.round(ratePerSecond / clients)))
  const settings = [
    '-t',
    '1',
    '-c',
    String(clients),
    '-m',
    String(streams),
    '--rps',
    rate,
    '-D',
    String(run.seconds),
    '--warm-up-time',
    '0',
  ]
  const kind = protocol === 'h2' ? [] : ['--h1']
  try {
    await runLoad('h2load', [...kind, ...settings, '--log-file', log, '-d', body, ...words, `http://127.0.0.1:${port}${path}`], run)
    return parseLog(readFileSync(log, 'utf8'))
  } finally {
    rmSync(log, { force: true })
  }
}
