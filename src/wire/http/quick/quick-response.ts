/** The text of an answer that went well: the very headers that node writes for one (writeAnswer), without its objects. Floor 4. */
import type { Clock } from '../../../ground/clock.ts'
import { KEEP_ALIVE_TIMEOUT_MS } from '../../../model/limits.ts'

export interface QuickAnswer {
  readonly json: string
  /** Its length in UTF-8. */
  readonly bytes: number
  /** Fit for a header. */
  readonly requestId: string
}

const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(KEEP_ALIVE_TIMEOUT_MS / 1_000)}`

/** @returns writes one: `last` says that the connection is closed after it */
export function quickResponses(clock: Pick<Clock, 'nowMs'>): (answer: QuickAnswer, last: boolean) => string {
  let second = Number.NaN
  let date = ''
  return ({ json, bytes, requestId }, last) => {
    const now = Math.floor(clock.nowMs() / 1_000)
    if (now !== second) {
      second = now
      date = new Date(now * 1_000).toUTCString()
    }
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nx-request-id: ${requestId}\r\ncontent-length: ${bytes}\r\n`
    return last ? `${head}connection: close\r\nDate: ${date}\r\n\r\n${json}` : `${head}Date: ${date}\r\n${KEPT}\r\n\r\n${json}`
  }
}
