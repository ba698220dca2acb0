/** Records of the identity service → JSON in lowerCamelCase, instants as RFC 3339. No secret but the tokens that were asked for. Floor 5. */
import type { Acknowledged } from '../../model/administration.ts'
import type { LoginClientRecord, PermissionIndexEntry, Revocation, SessionRecord, SigningKeyRecord } from '../../model/identity.ts'
import type { AssignmentRecord, Page, TenantRecord, UserRecord } from '../../model/records.ts'
import type { ChallengeView, SignedIn } from '../ports.ts'

type Message = Record<string, unknown>

function present(fields: Message): Message {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

export function tenantMessage({ id, displayName }: TenantRecord): Message {
  return present({ id, displayName })
}

export function viewMessage(view: ChallengeView): Message {
  const { askedAtMs, tenants, ...rest } = view
  return present({ ...rest, askedAt: instant(askedAtMs), tenants: tenants.map(tenantMessage) })
}

/** @param inCookie the refresh token travels in a cookie, and therefore in no body */
export function signedInMessage(signedIn: SignedIn, inCookie: boolean): Message {
  const { session } = signedIn
  return present({
    accessToken: signedIn.accessToken,
    tokenType: 'Bearer',
    expiresInSeconds: signedIn.expiresInSeconds,
    refreshToken: inCookie ? null : signedIn.refreshToken,
    sessionId: session.id,
    user: session.user,
    tenant: session.tenant,
    redirectUri: signedIn.redirectUri,
    otherDevice: signedIn.otherDevice,
  })
}

export function userMessage(record: UserRecord): Message {
  return present({
    id: record.id,
    email: record.email,
    displayName: record.displayName,
    attributes: record.attributes,
    state: record.state,
    stateReason: record.stateReason,
    epoch: record.epoch,
    createdAt: instant(record.createdAtMs),
  })
}

/** @param currentId the session that asks */
export function sessionMessage(record: SessionRecord, currentId?: string): Message {
  return present({
    id: record.id,
    clientId: record.clientId,
    tenant: record.tenant,
    agent: record.agent,
    authenticatedAt: instant(record.authenticatedAtMs),
    createdAt: instant(record.createdAtMs),
    refreshedAt: instant(record.rotatedAtMs),
    expiresAt: instant(Math.min(record.idleExpiresAtMs, record.expiresAtMs)),
    revokedAt: instant(record.revokedAtMs),
    revokedReason: record.revokedReason,
    current: currentId === undefined ? null : record.id === currentId,
  })
}

export function clientMessage(record: LoginClientRecord): Message {
  return present({
    id: record.id,
    name: record.name,
    redirectUris: record.redirectUris,
    createdAt: instant(record.createdAtMs),
    revokedAt: instant(record.revokedAtMs),
  })
}

export function keyMessage(record: SigningKeyRecord): Message {
  return present({
    kid: record.kid,
    algorithm: record.algorithm,
    state: record.state,
    createdAt: instant(record.createdAtMs),
    activatedAt: instant(record.activatedAtMs),
    retiresAt: instant(record.retiresAtMs),
  })
}

export function assignmentMessage(record: AssignmentRecord): Message {
  return present({
    id: record.id,
    tenant: record.tenant,
    user: record.user,
    role: record.role,
    validFrom: instant(record.validFromMs),
    expiresAt: instant(record.expiresAtMs),
    reason: record.reason,
  })
}

export function revocationMessage(record: Revocation): Message {
  return present({
    position: record.position,
    sub: record.user,
    sid: record.sessionId,
    epoch: record.epoch,
    at: instant(record.atMs),
  })
}

export function indexMessage(version: number, entries: readonly PermissionIndexEntry[]): Message {
  return { version, permissions: entries.map(({ bit, name, code }) => ({ bit, name, code })) }
}

/** `{ user: …, changed, position, effective }` */
export function changedMessage<T>(name: string, changed: Acknowledged<T>, record: unknown): Message {
  return { [name]: record, changed: changed.changed, position: changed.position, effective: changed.effective }
}

export function pageMessage<T>(name: string, page: Page<T>, message: (record: T) => Message): Message {
  return { [name]: page.items.map(message), ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }) }
}
