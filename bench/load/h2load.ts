/** Loads a gRPC method with one prepared body by h2load, and takes nothing for granted: h2load calls any HTTP 200 a success. */
import type { Loaded } from '../wire.ts'
import { type LoadRun, runLoad } from './load-process.ts'

export interface Shape {
  readonly connections: number
  readonly streams: number
}

export interface H2Plan {
  readonly port: number
  /** Such as `/castellan.v1.DecisionService/Check`. */
  readonly path: string
  /** File with the frames of one request. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly shape: Shape
  /** Bytes of a good answer's body: an error has none, and another answer others. */
  readonly replyBytes: number
}

/** Answers differ by some bytes: numbers in them grow. More is another answer. */
const REPLY_TOLERANCE = 0.1

export async function loadH2({ port, path, body, headers, shape, replyBytes }: H2Plan, run: LoadRun): Promise<Loaded> {
  const settings = [
    '-t',
    '1',
    '-c',
    String(shape.connections),
    '-m',
    String(shape.streams),
    '-D',
    `${Math.ceil(run.seconds * 1_000)}ms`,
    '--warm-up-time',
    '0',
  ]
  const sent = { 'content-type': 'application/grpc', te: 'trailers', ...headers }
  const words = Object.entries(sent).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const output = await runLoad('h2load', [...settings, '-d', body, ...words, `http://127.0.0.1:${port}${path}`], run)
  const seen = parseH2load(output)
  if (seen.failed > 0) throw new Error(`h2load: ${seen.failed} of ${seen.failed + seen.succeeded} requests to ${path} failed`)
  // Answers that were under way at the end of the time are in its bytes, and not among those it counts.
  const [least, most] = [seen.succeeded * replyBytes * (1 - REPLY_TOLERANCE), seen.started * replyBytes * (1 + REPLY_TOLERANCE)]
  if (seen.dataBytes < least || seen.dataBytes > most)
    throw new Error(
      `h2load: ${seen.succeeded} answers of ${path} have ${seen.dataBytes} bytes and not ${replyBytes} each: they are not the answers that were checked`,
    )
  // What it calls finished is after its connections are closed; what it counts ends with the time it was given.
  return { requests: seen.succeeded, seconds: run.seconds }
}

export interface H2Seen {
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  /** Of all bodies, without headers. */
  readonly dataBytes: number
}

/** @param output of h2load. @throws Error when it is not the output of a run by time */
export function parseH2load(output: string): H2Seen {
  const requests = /requests: \d+ total, (\d+) started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output)
  const codes = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(output)
  const data = /traffic: .*\((\d+)\) data/.exec(output)
  if (requests === null || codes === null || data === null) throw new Error(`h2load says what is not understood:\n${output}`)
  const [, started, succeeded, failed, errored, timeouts] = requests.map(Number)
  const others = codes.slice(2).map(Number)
  return {
    started: started ?? 0,
    succeeded: succeeded ?? 0,
    // Requests that the end of the time cut off are neither.
    failed:
      Math.max(
        (failed ?? 0) + (errored ?? 0),
        others.reduce((sum, count) => sum + count, 0),
      ) + (timeouts ?? 0),
    dataBytes: Number(data[1]),
  }
}
