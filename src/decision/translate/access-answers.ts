/** What decisions rest on, and its changes → messages of the wire. Floor 5. */

import type { LoadedAccess } from '../../access/replication.ts'
import type { AccessChange, AccessEvent } from '../../model/access-event.ts'
import type { Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

export function loadedAccessMessage({ incarnation, position, policy, state }: LoadedAccess, form: WireForm): Message {
  const { tenant, user } = state
  return {
    incarnation,
    position,
    policy: { ...policy },
    readAt: form.instant(state.readAtMs),
    ...(tenant === undefined ? {} : { tenant: { suspended: tenant.suspended, attributes: form.object(tenant.attributes) } }),
    ...(user === undefined ? {} : { user: { deactivated: user.deactivated, attributes: form.object(user.attributes) } }),
    assignments: state.assignments.map(({ id, role, validFromMs, expiresAtMs }) => ({
      id,
      role,
      validFrom: form.instant(validFromMs),
      ...(expiresAtMs === null ? {} : { expiresAt: form.instant(expiresAtMs) }),
    })),
  }
}

/** `kind` is the name of the one that is set. */
export function accessEventMessage(event: AccessEvent): { readonly kind: AccessEvent['kind']; readonly fields: Message } {
  switch (event.kind) {
    case 'opened': {
      const { kind, incarnation, position, resumed, policy, callerDigest } = event
      return { kind, fields: { incarnation, position, resumed, callerDigest, ...(policy === undefined ? {} : { policy: { ...policy } }) } }
    }
    case 'changes':
      return { kind: event.kind, fields: { changes: event.changes.map(changeMessage), through: event.through } }
    case 'heartbeat': {
      const { kind, ...fields } = event
      return { kind, fields }
    }
  }
}

function changeMessage(change: AccessChange): Message {
  const { position } = change
  if (change.kind === 'policy') return { position, policyRevision: change.revision }
  return { position, [change.kind]: change.fingerprint }
}
