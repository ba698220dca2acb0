/** Administration of people's logins as its wire sees it: each change made, announced and waited for. Rules are in access/ and beside. Floor 5. */
import type { Acknowledgement } from '../access/acknowledge.ts'
import type { ChangeNeeds } from '../access/change.ts'
import { requireAllTenants, requireScope } from '../access/guard.ts'
import { putLoginClient, revokeLoginClient } from '../access/login-clients.ts'
import { endSessions } from '../access/sessions.ts'
import type { FieldViolation } from '../ground/errors.ts'
import type { Acknowledged, Administration, ChangeContext, Changed } from '../model/administration.ts'
import { RequestError } from '../model/error-code.ts'
import { REDIRECT_URIS_MAX } from '../model/identity-limits.ts'
import type { UserRecord } from '../model/records.ts'
import type { KeyKeeper } from './keys/keeper.ts'
import { redirectFault } from './login/redirect.ts'
import type { IdentityAdministration, Invitation } from './ports.ts'

export interface IdentityAdministrationNeeds {
  readonly store: ChangeNeeds['store']
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  /** Of accounts, which are the same in both services. */
  readonly accounts: Pick<Administration, 'listUsers' | 'deactivateUser' | 'reactivateUser'>
  readonly keys: Pick<KeyKeeper, 'rotate'>
  /** Writes the invitation, whose mail the outbox sends. */
  readonly invite: (context: ChangeContext, input: Invitation) => Promise<Changed<UserRecord>>
}

export function openIdentityAdministration(needs: IdentityAdministrationNeeds): IdentityAdministration {
  const { store, acknowledgement, accounts, keys } = needs
  const reader = store.identity

  /** What had been changed already may have been acknowledged to nobody, so a `noop` waits as well. */
  async function acknowledged<T>(context: ChangeContext, change: Promise<Changed<T>>): Promise<Acknowledged<T>> {
    const changed = await change
    acknowledgement.announce()
    if (context.wait === false) return { ...changed, effective: false }
    await acknowledgement.effective(changed.position)
    return { ...changed, effective: true }
  }

  return {
    invite: (context, input) => acknowledged(context, needs.invite(context, input)),
    listUsers: (caller, page) => accounts.listUsers(caller, page),
    deactivateUser: (context, user) => accounts.deactivateUser(context, user),
    reactivateUser: (context, user) => accounts.reactivateUser(context, user),
    async listSessions(caller, user, page) {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      return await reader.listSessions(user, page)
    },
    endSessions: (context, user) => acknowledged(context, endSessions(needs, context, user)),
    rotateKeys: (context, kind) => keys.rotate(context, kind),
    async putClient(context, input) {
      requireRedirects(input.redirectUris)
      return await acknowledged(context, putLoginClient(needs, context, input))
    },
    async listClients(caller, page) {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      return await reader.listClients(page)
    },
    revokeClient: (context, id) => acknowledged(context, revokeLoginClient(needs, context, id)),
  }
}

/** @throws RequestError naming each redirect at fault */
function requireRedirects(uris: readonly string[]): void {
  const violations: FieldViolation[] = uris.flatMap((uri, index) => {
    const message = redirectFault(uri) ?? (uris.indexOf(uri) < index ? 'stands there twice' : undefined)
    return message === undefined ? [] : [{ field: `redirectUris[${index}]`, message }]
  })
  if (uris.length > REDIRECT_URIS_MAX) violations.push({ field: 'redirectUris', message: `must be at most ${REDIRECT_URIS_MAX}` })
  if (violations.length > 0) throw new RequestError(violations)
}
