/** Changes of access as gRPC messages, and a heartbeat for each asking, for as long as its key is good. What there is to tell is AccessFeed's. Floor 5. */
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { abortable } from '../../../access/abortable.ts'
import { tooSlow } from '../../../access/access-feed.ts'
import type { AccessWatch } from '../../../access/replication.ts'
import { ServiceError } from '../../../model/error-code.ts'
import { ACCESS_BEAT_MS_MIN, ACCESS_FIRST_MESSAGE_MS_MAX, ACCESS_READER_WAIT_MS_MAX } from '../../../model/limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { accessEventMessage } from '../../translate/access-answers.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { WireNeeds } from '../wire-needs.ts'
import type { Decoded, Definitions } from './definitions.ts'
import { faultOf } from './status.ts'
import { callerOf, echoedRequestId } from './unary.ts'
import { WatchInbox } from './watch-access-inbox.ts'
import { taken } from './watch-stream.ts'

type Stream = ServerDuplexStream<Decoded, object>
const METHOD = 'WatchAccess'

export function watchAccessStream(streams: OpenStreams, needs: WireNeeds, definitions: Definitions) {
  return (stream: Stream): void => {
    if (stream.cancelled) return
    const startedMs = needs.clock.monotonicMs()
    const requestId = echoedRequestId(stream, needs)
    const ended = (code: string) => needs.metrics.ended('grpc', METHOD, code, (needs.clock.monotonicMs() - startedMs) / 1000)
    const failed = (fault: unknown) => {
      const known = knownError(fault)
      logFault(needs.log, known, { wire: 'grpc', method: METHOD, requestId })
      ended(known.code)
      stream.emit('error', Object.assign(new Error(known.error.publicMessage), faultOf(known, definitions)))
    }
    const end = new CallEnd('endless')
    const over = streams.add(end)
    stream.on('cancelled', () => end.cancel())
    abortable(tell(stream, end.signal, needs), end.signal)
      .then(() => {
        ended('ok')
        stream.end()
      })
      .catch(failed)
      .finally(() => {
        end.done()
        over()
        // Whatever still arrives is read and dropped, so that the connection's window is not held.
        stream.resume()
      })
  }
}

/** Resolves when the watcher has said that it is done; ends by throwing otherwise. */
async function tell(stream: Stream, signal: AbortSignal, needs: WireNeeds): Promise<void> {
  const { clock, admission, replication } = needs
  // Whom it is asks the database, so it takes a place as any request does; an open stream holds none.
  admission.enter()
  const again = () => callerOf(stream.metadata, needs)
  const caller = await again().finally(() => admission.leave())
  signal.throwIfAborted()
  let wake: () => void = () => undefined
  /** Until something may have happened, or for so long. */
  const something = async (waitMs: number | undefined) => {
    let stop: (() => void) | undefined
    const woken = new Promise<void>((resolve) => {
      wake = resolve
      if (waitMs !== undefined) stop = clock.after(waitMs, resolve)
    })
    await abortable(woken, signal).finally(() => stop?.())
  }
  const watch = replication.watch(caller, stream.getPeer(), () => wake())
  try {
    const inbox = new WatchInbox(stream, () => wake())
    const openedMs = clock.monotonicMs()
    while (inbox.first === undefined) {
      const leftMs = openedMs + ACCESS_FIRST_MESSAGE_MS_MAX - clock.monotonicMs()
      if (inbox.ended) return
      if (leftMs <= 0) throw new ServiceError('deadline_exceeded', 'The watcher did not say from where it watches.', { hint: SAY_FROM })
      await something(leftMs)
    }
    watch.begin(inbox.first.from)
    await tellOn(watch, inbox)
  } finally {
    watch.close()
  }

  async function tellOn(watch: AccessWatch, inbox: WatchInbox): Promise<void> {
    let beatDueMs = Number.NEGATIVE_INFINITY
    while (!inbox.ended) {
      signal.throwIfAborted()
      const waitMs = inbox.beat === undefined || !watch.open ? undefined : Math.max(0, beatDueMs - clock.monotonicMs())
      if (!watch.pending && waitMs !== 0) {
        await something(waitMs)
        continue
      }
      // For every step: a key's revocation that was acknowledged is in force on open streams too.
      const caller = await again()
      signal.throwIfAborted()
      const events = watch.take(caller, clock.monotonicMs() >= beatDueMs ? inbox.beat : undefined)
      if (events.some(({ kind }) => kind === 'heartbeat')) {
        beatDueMs = clock.monotonicMs() + ACCESS_BEAT_MS_MIN
        inbox.answered()
      }
      await takenInTime(events.map(accessEventMessage))
    }
  }

  async function takenInTime(messages: Parameters<typeof taken>[1]): Promise<void> {
    let stop: (() => void) | undefined
    const late = new Promise<never>((_, reject) => {
      stop = clock.after(ACCESS_READER_WAIT_MS_MAX, () => reject(tooSlow()))
    })
    await Promise.race([taken(stream, messages, signal), late]).finally(() => stop?.())
  }
}

const SAY_FROM = 'Send a first message; an empty one is from now on.'
