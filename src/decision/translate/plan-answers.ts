/** The events of a plan → messages of either wire. Floor 5. */
import type { PlanEvent, PlanSummary, SubjectBreach, SubjectEffects } from '../../model/policy-plan.ts'
import type { Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

/** `kind` is the event's; HTTP writes it beside the fields, gRPC as the name of the one that is set. */
export interface PlanMessage {
  readonly kind: PlanEvent['event']
  readonly fields: Message
}

export function planMessage(event: PlanEvent, form: WireForm): PlanMessage {
  return { kind: event.event, fields: fieldsOf(event, form) }
}

function fieldsOf(event: PlanEvent, form: WireForm): Message {
  switch (event.event) {
    case 'begin': {
      const { from, to, diff, diffLeftOut, changedRoles, pairsMax } = event
      return { from, to, diff: form.object({ ...diff }), diffLeftOut, changedRoles, pairsMax }
    }
    case 'effects':
      return { items: event.items.map((item) => effectsMessage(item, form)) }
    case 'breaches':
      return { items: event.items.map((item) => breachMessage(item, form)) }
    case 'progress':
      return { pairs: event.pairs, pairsMax: event.pairsMax }
    case 'end':
      return { summary: summaryMessage(event.summary) }
  }
}

function effectsMessage({ user, tenant, dormant, effects }: SubjectEffects, form: WireForm): Message {
  return {
    ...{ user, tenant, dormant },
    effects: effects.map(({ permission, kind, conditional, fromMs }) => ({
      ...{ permission, kind, conditional },
      ...(fromMs === undefined ? {} : { from: form.instant(fromMs) }),
    })),
  }
}

function breachMessage({ user, tenant, constraint, message, fromMs }: SubjectBreach, form: WireForm): Message {
  return { user, tenant, constraint, message, ...(fromMs === undefined ? {} : { from: form.instant(fromMs) }) }
}

/** Both wires name its fields as the model does, and it holds no instants. */
function summaryMessage(summary: PlanSummary): Message {
  return { ...summary }
}
