/** Administration of logins over the parts that the house has, as src/main joins them. */

import { requireAllTenants, requireScope } from '../../../src/access/guard.ts'
import { putLoginClient, revokeLoginClient } from '../../../src/access/login-clients.ts'
import { endSessions } from '../../../src/access/sessions.ts'
import type { IdentityAdministration } from '../../../src/identity/ports.ts'
import type { Acknowledged, ChangeContext, Changed } from '../../../src/model/administration.ts'
import { ServiceError } from '../../../src/model/error-code.ts'
import type { House } from '../../support/house.ts'

export function testAdministration(house: House): IdentityAdministration {
  const { store, administration, freshness } = house
  async function acknowledged<T>(context: ChangeContext, change: Promise<Changed<T>>): Promise<Acknowledged<T>> {
    const changed = await change
    freshness.acknowledgement.announce()
    if (context.wait === false) return { ...changed, effective: false }
    await freshness.acknowledgement.effective(changed.position)
    return { ...changed, effective: true }
  }
  return {
    invite: (context, { user, email }) => administration.putUser(context, { user, email }),
    listUsers: (caller, page) => administration.listUsers(caller, page),
    deactivateUser: (context, user) => administration.deactivateUser(context, user),
    reactivateUser: (context, user) => administration.reactivateUser(context, user),
    listSessions: async (caller, user, page) => {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      return await store.identity.listSessions(user, page)
    },
    endSessions: (context, user) => acknowledged(context, endSessions({ store }, context, user)),
    rotateKeys: async () => {
      throw new ServiceError('conflict', 'These keys are never rotated.')
    },
    putClient: (context, input) => acknowledged(context, putLoginClient({ store }, context, input)),
    listClients: async (caller, page) => {
      requireScope(caller, 'administer')
      return await store.identity.listClients(page)
    },
    revokeClient: (context, id) => acknowledged(context, revokeLoginClient({ store }, context, id)),
  }
}
