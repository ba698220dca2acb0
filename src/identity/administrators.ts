/** Says who calls the administration of identity: a caller by its key, or a person by their access token. What each may is access/guard.ts. Floor 5. */
import { ADMINISTER_PERMISSION } from '../access/administrators.ts'
import type { Caller } from '../model/caller.ts'
import type { Decision } from '../model/decision.ts'
import { CallerDeniedError, UnauthenticatedError } from '../model/error-code.ts'
import { hasTokenForm } from '../token/verify.ts'
import type { Authentication } from '../wire/authentication.ts'
import type { SessionService } from './ports.ts'

export interface AdministratorNeeds {
  readonly callers: Authentication
  readonly sessions: Pick<SessionService, 'person'>
  /** Where people administer; absent: nobody does but callers. */
  readonly adminTenant: string | undefined
  /** Whether this person may, and by what: the very rule of a check. */
  readonly check: (user: string, tenant: string, permission: string) => Promise<Pick<Decision, 'allowed' | 'via' | 'policyRevision'>>
}

const BEARER = /^bearer +(\S+)$/i

/** A person administers accounts with all that their scope allows, in the tenant that the token is for and nowhere by another one. */
export function openAdministrators({ callers, sessions, adminTenant, check }: AdministratorNeeds): Authentication {
  return {
    async authenticate(authorization) {
      try {
        return await callers.authenticate(authorization)
      } catch (fault) {
        const token = BEARER.exec(authorization ?? '')?.[1]
        if (adminTenant === undefined || !(fault instanceof UnauthenticatedError) || token === undefined || !hasTokenForm(token))
          throw fault
        return await administrator(token, adminTenant)
      }
    },
  }

  async function administrator(token: string, tenant: string): Promise<Caller> {
    const person = await sessions.person(token)
    const decision = person.tenant === tenant ? await check(person.user, tenant, ADMINISTER_PERMISSION) : undefined
    if (decision?.allowed !== true)
      throw new CallerDeniedError(
        'This person does not administer accounts.',
        `A token for the tenant of administrators is needed, of somebody who holds ${ADMINISTER_PERMISSION} there.`,
      )
    const { via: roles, policyRevision } = decision
    // No id of a caller begins so: nobody can be taken for one in the audit.
    return {
      id: `person:${person.user}`,
      name: person.user,
      scopes: ['administer'],
      tenants: null,
      // A change looks again whether it is still so.
      person: { user: person.user, sessionId: person.sessionId, tenant, roles, policyRevision },
    }
  }
}
