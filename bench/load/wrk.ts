/** Loads HTTP/1.1 with prepared requests in turn by wrk, and looks at every status and at the bytes of answers. */
import { writeFileSync } from 'node:fs'
import type { Loaded } from '../wire.ts'
import { type LoadRun, runLoad } from './load-process.ts'

/** At once, each with one request under way. */
export const WRK_CONNECTIONS = 32

export interface WrkPlan {
  readonly port: number
  /** Written by `writeWrkScript`. */
  readonly script: string
  /** Of a good answer with its head, on average over the requests. */
  readonly replyBytes: number
}

/** Ids and times in answers differ by some bytes; an error, or another answer, by more. */
const REPLY_TOLERANCE = 0.1
/** What `done` prints before its figures. */
const MARK = 'BENCH '

/** The end of every script: what `parseWrk` reads. */
export const WRK_DONE = `done = function(summary)
  local e = summary.errors
  print(string.format("${MARK}%d %d %d %d", summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
`

/** @param requests as they go over the wire, asked one after the other */
export function writeWrkScript(file: string, requests: readonly string[]): void {
  writeFileSync(
    file,
    `local requests = {\n${requests.map((text) => `  ${luaText(text)},`).join('\n')}\n}
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
${WRK_DONE}`,
  )
}

/** A text of Lua: every byte that is not plain is a number in it. */
export function luaText(text: string): string {
  const plain = Buffer.from(text).reduce((words, byte) => {
    const character = String.fromCharCode(byte)
    return words + (/[ -~]/.test(character) && !/["\\]/.test(character) ? character : `\\${String(byte).padStart(3, '0')}`)
  }, '')
  return `"${plain}"`
}

export async function loadHttp({ port, script, replyBytes }: WrkPlan, run: LoadRun): Promise<Loaded> {
  // It knows whole seconds only.
  const seconds = Math.ceil(run.seconds)
  const args = ['-t1', `-c${WRK_CONNECTIONS}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}/`]
  const { requests, micros, bytes, failed } = parseWrk(await runLoad('wrk', args, { ...run, seconds }))
  if (failed > 0) throw new Error(`wrk: ${failed} of ${requests} requests failed`)
  const [least, most] = [requests * replyBytes * (1 - REPLY_TOLERANCE), (requests + WRK_CONNECTIONS) * replyBytes * (1 + REPLY_TOLERANCE)]
  if (bytes < least || bytes > most)
    throw new Error(
      `wrk: ${requests} answers have ${bytes} bytes and not ${replyBytes.toFixed(1)} each: they are not the answers that were checked`,
    )
  return { requests, seconds: micros / 1_000_000 }
}

export interface WrkSeen {
  readonly requests: number
  readonly micros: number
  readonly bytes: number
  /** Other statuses than 2xx and 3xx, and whatever broke on the way. */
  readonly failed: number
}

/** @param output of wrk with a script of ours. @throws Error when it is none */
export function parseWrk(output: string): WrkSeen {
  const figures = new RegExp(`^${MARK}(\\d+) (\\d+) (\\d+) (\\d+)$`, 'm').exec(output)
  if (figures === null) throw new Error(`wrk says what is not understood:\n${output}`)
  const [, requests = 0, micros = 0, bytes = 0, failed = 0] = figures.map(Number)
  return { requests, micros, bytes, failed }
}
