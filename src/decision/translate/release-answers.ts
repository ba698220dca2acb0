/** What is said of policies on their way into force → messages of either wire. Floor 5. */
import type {
  Activation,
  ActivationRecord,
  PolicyBudget,
  PolicyReleases,
  Published,
  ReplicaState,
  ScheduledActivation,
} from '../../model/policy-release.ts'
import type { Message } from '../../wire/error-message.ts'
import { instantOrNull, present, revisionMessage } from './administration-answers.ts'
import type { WireForm } from './wire-form.ts'

export function publishedMessage(published: Published, form: WireForm): Message {
  const { record, changed, position, warnings } = published
  return { revision: revisionMessage(record, form), changed, position, warnings }
}

export function revisionWithBundleMessage(found: Awaited<ReturnType<PolicyReleases['getRevision']>>, form: WireForm): Message {
  return { revision: revisionMessage(found, form), bundle: form.object({ ...found.bundle }) }
}

export function scheduledMessage(scheduled: ScheduledActivation, form: WireForm): Message {
  return present({
    id: scheduled.id,
    revision: scheduled.revision,
    activateAt: form.instant(scheduled.activateAtMs),
    state: scheduled.state,
    reason: scheduled.reason,
    createdBy: scheduled.createdBy,
    createdAt: form.instant(scheduled.createdAtMs),
  })
}

export function activationMessage(activation: Activation, form: WireForm): Message {
  return present({
    revision: activation.revision,
    previousRevision: activation.previousRevision,
    changed: activation.changed,
    position: activation.position,
    effective: activation.effective,
    scheduled: activation.scheduled && scheduledMessage(activation.scheduled, form),
    waiting: activation.waiting.map((scheduled) => scheduledMessage(scheduled, form)),
  })
}

export function activationRecordMessage(record: ActivationRecord, form: WireForm): Message {
  return { id: record.id, revision: record.revision, activatedAt: form.instant(record.activatedAtMs), actor: record.actor }
}

export function replicaMessage(replica: ReplicaState, form: WireForm): Message {
  return present({
    id: replica.id,
    startedAt: form.instant(replica.startedAtMs),
    seenAt: form.instant(replica.seenAtMs),
    position: replica.position,
    revision: replica.revision,
    revisionSince: instantOrNull(replica.revisionSinceMs, form),
    preparedRevision: replica.preparedRevision,
  })
}

/** Entries are never taken out: their number says how far the index had grown. */
export function permissionIndexMessage(entries: Awaited<ReturnType<PolicyReleases['listIndex']>>): Message {
  return { version: entries.length, permissions: entries.map(({ bit, name, code }) => ({ bit, name, code })) }
}

export function budgetMessage(budget: PolicyBudget): Message {
  const { revision, charactersMax, combinations, pairs, worst } = budget
  const { codes, bits, overage } = pairs
  return {
    ...{ revision, charactersMax, combinations, pairs: { codes, bits, overage } },
    ...(worst === undefined ? {} : { worst: worstMessage(worst) }),
  }
}

function worstMessage(worst: NonNullable<PolicyBudget['worst']>): Message {
  const { user, tenant, roles, holders, permissions, form, characters, codeCharacters } = worst
  return { ...(user === undefined ? {} : { user }), tenant, roles, holders, permissions, form, characters, codeCharacters }
}
