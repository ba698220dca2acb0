/** Whether what an access token of a person proves still stands: its session, its account, their epoch, as the database has them now. Floor 5. */
import type { SessionRecord } from '../../model/identity.ts'
import type { UserRecord } from '../../model/records.ts'
import type { Store } from '../../store/ports.ts'
import type { PersonClaims } from '../../token/access-token.ts'

/** Past every cache: what was revoked before the call is never missed, and these calls are few. */
export async function findStanding(
  store: Pick<Store, 'identity' | 'records'>,
  claims: PersonClaims,
): Promise<{ readonly session: SessionRecord; readonly user: UserRecord } | undefined> {
  const { session, readAtMs } = await store.identity.findSession(claims.sid)
  if (session === undefined || session.user !== claims.sub || session.clientId !== claims.client_id) return undefined
  const user = await store.records.findUser(session.user)
  return user !== undefined && stands(session, user, readAtMs) && claims.epoch === session.epoch ? { session, user } : undefined
}

export function stands(
  session: Pick<SessionRecord, 'epoch' | 'revokedAtMs' | 'idleExpiresAtMs' | 'expiresAtMs'>,
  user: Pick<UserRecord, 'state' | 'epoch'> | undefined,
  nowMs: number,
): boolean {
  if (session.revokedAtMs !== null || nowMs >= session.expiresAtMs || nowMs >= session.idleExpiresAtMs) return false
  return user?.state === 'active' && user.epoch === session.epoch
}
