/** Follows the live stream of decisions and prints each as it comes; goes on after the stream broke, and says what was not seen. Floor 6. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LIVE_HEARTBEAT_MS } from '../model/observation-limits.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { prettyRecordLine } from './command-line/pretty-decision-record.ts'
import { type Json, query, type ServerEvent, type ServiceClient, ServiceFault } from './command-line/service-client.ts'
import type { ServiceOptions } from './command-line/service-command.ts'
import { paint, type Terminal } from './command-line/terminal.ts'

/** Milliseconds without a word after which the connection is dead: several heartbeats. */
const SILENCE_MS = 4 * LIVE_HEARTBEAT_MS
/** Milliseconds before the first and, doubled each time, before any later attempt. */
const AGAIN_MS_MIN = 500
const AGAIN_MS_MAX = 15_000
/** Errors that coming again does not mend. */
const FINAL = new Set(['unauthenticated', 'permission_denied', 'request_invalid', 'route_not_found', 'method_not_allowed', 'not_found'])

export interface WatchOptions extends ServiceOptions {
  readonly tenant?: string
  readonly user?: string
  readonly permission?: string
  readonly caller?: string
  readonly outcome?: string
  readonly reason?: string
}

/** Until it is interrupted. @throws ServiceFault when the service refuses; CommandError when the first attempt reaches nobody */
export async function watchDecisions(
  terminal: Terminal,
  client: ServiceClient,
  options: WatchOptions,
  againMs: number = AGAIN_MS_MIN,
): Promise<void> {
  const { tenant, user, permission, caller, outcome, reason } = options
  const address = `/v1/decisions/watch${query({ tenant, user, permission, caller, outcome, reason })}`
  const stop = new AbortController()
  const release = terminal.interrupted?.(() => stop.abort())
  let [times, waitMs] = [0, againMs]
  try {
    for (;;) {
      try {
        let begun = false
        for await (const event of client.events(address, SILENCE_MS, stop.signal)) {
          if (!begun) {
            // Who waits for it before it makes decisions needs to know.
            say(terminal, times === 0 ? 'watching; Ctrl-C ends it' : 'watching again; what was decided meanwhile was not seen')
            begun = true
            times += 1
            waitMs = againMs
          }
          print(terminal, options, event)
          await terminal.drained?.()
        }
        throw new CommandError(EXIT.fault, 'The stream ended.')
      } catch (fault) {
        if (stop.signal.aborted) return
        if (times === 0 || !(fault instanceof CommandError) || (fault instanceof ServiceFault && FINAL.has(fault.code ?? ''))) throw fault
        say(terminal, `${fault.message.replace(/\.$/, '')}; again in ${waitMs / 1_000} s`)
        await sleep(waitMs, undefined, { signal: stop.signal })
        waitMs = Math.min(2 * waitMs, AGAIN_MS_MAX)
      }
    }
  } catch (fault) {
    // The wait for the next attempt was interrupted.
    if (!stop.signal.aborted) throw fault
  } finally {
    release?.()
  }
}

function print(terminal: Terminal, { output }: WatchOptions, { event, data }: ServerEvent): void {
  if (event === 'decision') terminal.out(output === 'json' ? line({ event, ...data }) : prettyRecordLine(terminal, data))
  else if (event === 'lost') {
    if (output === 'json') terminal.out(line({ event, ...data }))
    else terminal.out(`${paint(terminal, 'yellow', lostText(data))}\n`)
  }
}

function lostText({ count, atMost }: Json): string {
  if (atMost !== true) return `… ${Number(count)} not shown: this reader was too slow`
  return Number(count) === 0
    ? '… some may be missing: the service had no room for them'
    : `… up to ${Number(count)} may be missing: the service had no room for them`
}

function line(content: Json): string {
  return `${JSON.stringify(content)}\n`
}

/** Beside the decisions, which somebody may count or pipe on. */
function say(terminal: Terminal, text: string): void {
  terminal.err(`${paint(terminal, 'dim', `castellan: ${text}`)}\n`)
}
