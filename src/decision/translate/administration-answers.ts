/** Records as administration answers them → messages of either wire. Secrets are not among them but for a new caller's key. Floor 5. */
import type { Acknowledged, PolicyStatus } from '../../model/administration.ts'
import type { CallerRecord } from '../../model/caller.ts'
import type { AssignmentRecord, AuditRecord, Page, RevisionRecord, TenantRecord, UserRecord } from '../../model/records.ts'
import type { Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

/** Leaves out what is `null`: proto3 has no null for these, and JSON readers treat both alike. */
export function present(fields: Message): Message {
  const message: Message = {}
  for (const [name, value] of Object.entries(fields)) if (value !== null && value !== undefined) message[name] = value
  return message
}

export function instantOrNull(ms: number | null, form: WireForm): unknown {
  return ms === null ? null : form.instant(ms)
}

export function tenantMessage(record: TenantRecord, form: WireForm): Message {
  return present({
    id: record.id,
    displayName: record.displayName,
    state: record.state,
    attributes: form.object(record.attributes),
    createdAt: form.instant(record.createdAtMs),
  })
}

export function userMessage(record: UserRecord, form: WireForm): Message {
  return present({
    id: record.id,
    email: record.email,
    displayName: record.displayName,
    attributes: form.object(record.attributes),
    state: record.state,
    stateReason: record.stateReason,
    epoch: record.epoch,
    createdAt: form.instant(record.createdAtMs),
  })
}

export function assignmentMessage(record: AssignmentRecord, form: WireForm): Message {
  return present({
    id: record.id,
    tenant: record.tenant,
    user: record.user,
    role: record.role,
    validFrom: form.instant(record.validFromMs),
    expiresAt: instantOrNull(record.expiresAtMs, form),
    reason: record.reason,
    createdAt: form.instant(record.createdAtMs),
    createdBy: record.createdBy,
    revokedAt: instantOrNull(record.revokedAtMs, form),
    revokedBy: record.revokedBy,
  })
}

export function callerMessage(record: CallerRecord, form: WireForm): Message {
  return present({
    id: record.id,
    name: record.name,
    scopes: record.scopes,
    tenants: record.tenants === null ? null : form.ids(record.tenants),
    createdAt: form.instant(record.createdAtMs),
    expiresAt: instantOrNull(record.expiresAtMs, form),
    revokedAt: instantOrNull(record.revokedAtMs, form),
  })
}

export function auditMessage(record: AuditRecord, form: WireForm): Message {
  return present({
    id: record.id,
    at: form.instant(record.atMs),
    action: record.action,
    result: record.result,
    actor: record.actor,
    actorName: record.actorName,
    tenant: record.tenant,
    user: record.user,
    target: record.target,
    reason: record.reason,
    before: record.before === null || record.before === undefined ? null : form.value(record.before),
    after: record.after === null || record.after === undefined ? null : form.value(record.after),
    position: record.position,
    requestId: record.requestId,
  })
}

export function revisionMessage(record: RevisionRecord, form: WireForm): Message {
  return present({
    revision: record.revision,
    createdAt: form.instant(record.createdAtMs),
    source: record.source,
    activatedAt: instantOrNull(record.activatedAtMs, form),
    author: record.author,
    message: record.message,
    sourceCommit: record.sourceCommit,
    publishedBy: record.publishedBy,
  })
}

export function policyMessage(status: PolicyStatus, form: WireForm): Message {
  return {
    revision: status.revision,
    loadedAt: form.instant(status.loadedAtMs),
    source: status.source,
    permissions: status.permissions,
    roles: status.roles,
    faults: status.faults,
  }
}

/** `{ tenant: …, changed, position, effective }` */
export function changedMessage<T>(name: string, changed: Acknowledged<T>, record: Message | readonly Message[]): Message {
  return { [name]: record, changed: changed.changed, position: changed.position, effective: changed.effective }
}

/** `{ tenants: […], nextPageToken? }` */
export function pageMessage<T>(name: string, page: Page<T>, message: (record: T) => Message): Message {
  return { [name]: page.items.map(message), ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }) }
}
