/** The live stream as both wires can carry it: parse, watch, and hold each step to who its caller is by then. Floor 5. */
import { requireScope } from '../../access/guard.ts'
import type { Caller } from '../../model/caller.ts'
import { CallerDeniedError } from '../../model/error-code.ts'
import type { LiveDecisions, LiveEvent } from '../../model/live-decisions.ts'
import type { Call } from '../../wire/call.ts'
import type { Message } from '../../wire/error-message.ts'
import { parseWith } from '../../wire/violations.ts'
import { maySee } from '../log/live-filter.ts'
import { decisionFilterOf } from '../translate/decision-filter.ts'
import { decisionRecordMessage } from '../translate/decision-record-answers.ts'
import { watchDecisionsSchema } from '../translate/watch-requests.ts'
import type { WireForm } from '../translate/wire-form.ts'

/** `kind` is the event's; HTTP writes it beside the fields, gRPC as the name of the one that is set. */
export interface WatchMessage {
  readonly kind: LiveEvent['kind']
  /** Of a decision: its own. */
  readonly id?: string
  readonly fields: Message
}

/**
 * Plain request in, plain answers out, as they come; everything else it says by throwing, at the first step or later.
 * @param again who calls, by what was presented with the request: asked before each step, for a key may be revoked while its stream is open
 */
export type WatchOperation = (
  plain: Readonly<Record<string, unknown>>,
  call: Call,
  again: () => Promise<Caller>,
  form: WireForm,
) => AsyncIterable<readonly WatchMessage[]>

export function watchOperation(live: LiveDecisions): WatchOperation {
  return async function* (plain, call, again, form) {
    const filter = decisionFilterOf(parseWith(watchDecisionsSchema, plain))
    for await (const events of live.watch(call.caller, filter, call.signal)) {
      const caller = await again()
      requireScope(caller, 'audit')
      for (const event of events)
        if (event.kind === 'decision' && !maySee(caller, event.record))
          throw new CallerDeniedError('The caller is limited to other tenants by now.', 'Watch again: what it may still see comes then.')
      yield events.map((event) => messageOf(event, form))
    }
  }
}

function messageOf(event: LiveEvent, form: WireForm): WatchMessage {
  switch (event.kind) {
    case 'decision':
      return { kind: 'decision', id: event.record.id, fields: decisionRecordMessage(event.record, form) }
    case 'lost':
      return { kind: 'lost', fields: { count: event.count, atMost: event.atMost } }
    case 'heartbeat':
      return { kind: 'heartbeat', fields: { at: form.instant(event.atMs) } }
  }
}
