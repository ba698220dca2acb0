/** The administration as its wires see it: every change and every administrative read, each guarded here. Floor 3. */
import type { Administration, ChangeContext, Changed, PolicyStatus } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import { NotFoundError } from '../model/error-code.ts'
import { deactivateUser, putUser, reactivateUser } from './account.ts'
import type { Acknowledgement } from './acknowledge.ts'
import { grant, revoke, revokeRole } from './assign.ts'
import { createCaller, revokeCaller, rotateCaller } from './callers.ts'
import type { ChangeNeeds } from './change.ts'
import { requireAllTenants, requireOneScope, requireScope, requireTenant } from './guard.ts'
import { putTenant, setTenantState } from './tenants.ts'

export interface AdministrationNeeds extends ChangeNeeds {
  readonly acknowledgement: Acknowledgement
  readonly policyStatus: () => PolicyStatus
}

/** Faults and sources name files of the platform team: not for services that only ask. */
export const POLICY_READERS = ['administer', 'publish', 'audit'] as const

/** @throws CallerDeniedError without one of the scopes, and for a caller that is limited to tenants: a policy is that of all */
export function requirePolicyReader(caller: Caller): void {
  requireOneScope(caller, POLICY_READERS)
  requireAllTenants(caller, 'A policy spans')
}

export function openAdministration(needs: AdministrationNeeds): Administration {
  const { records } = needs.store
  /** What had been changed already may have been acknowledged to nobody, so a `noop` waits as well. */
  async function acknowledged<C extends Changed<unknown>>(
    context: ChangeContext,
    change: Promise<C>,
  ): Promise<C & { readonly effective: boolean }> {
    const changed = await change
    needs.acknowledgement.announce()
    if (context.wait === false) return { ...changed, effective: false }
    await needs.acknowledgement.effective(changed.position)
    return { ...changed, effective: true }
  }
  return {
    putTenant: (context, input) => acknowledged(context, putTenant(needs, context, input)),
    suspendTenant: (context, tenant) => acknowledged(context, setTenantState(needs, context, tenant, 'suspended')),
    resumeTenant: (context, tenant) => acknowledged(context, setTenantState(needs, context, tenant, 'active')),
    putUser: (context, input) => acknowledged(context, putUser(needs, context, input)),
    deactivateUser: (context, user) => acknowledged(context, deactivateUser(needs, context, user)),
    reactivateUser: (context, user) => acknowledged(context, reactivateUser(needs, context, user)),
    grant: (context, input) => acknowledged(context, grant(needs, context, input)),
    revoke: (context, tenant, user, id) => acknowledged(context, revoke(needs, context, tenant, user, id)),
    revokeRole: (context, tenant, user, role) => acknowledged(context, revokeRole(needs, context, tenant, user, role)),
    createCaller: (context, input) => acknowledged(context, createCaller(needs, context, input)),
    rotateCaller: (context, input) => acknowledged(context, rotateCaller(needs, context, input)),
    revokeCaller: (context, callerId) => acknowledged(context, revokeCaller(needs, context, callerId)),

    async getTenant(caller, tenant) {
      requireScope(caller, 'administer')
      requireTenant(caller, tenant)
      const record = await records.findTenant(tenant)
      if (record === undefined) throw new NotFoundError('The tenant is unknown.')
      return record
    },
    async listTenants(caller, page) {
      requireScope(caller, 'administer')
      return records.listTenants(caller.tenants, page)
    },
    async getUser(caller, user) {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      const record = await records.findUser(user)
      if (record === undefined) throw new NotFoundError('The user is unknown.')
      return record
    },
    async listUsers(caller, page) {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      return records.listUsers(page)
    },
    async listAssignments(caller, tenant, user, history, page) {
      requireScope(caller, 'administer')
      requireTenant(caller, tenant)
      return records.listAssignments(tenant, user, history, page)
    },
    async listCallers(caller, page) {
      requireScope(caller, 'administer')
      requireAllTenants(caller)
      return records.listCallers(page)
    },
    async listAudit(caller, filter, page) {
      requireScope(caller, 'audit')
      if (filter.tenant !== undefined) requireTenant(caller, filter.tenant)
      return records.listAudit(filter, caller.tenants, page)
    },
    policyStatus(caller) {
      requirePolicyReader(caller)
      return needs.policyStatus()
    },
    async listRevisions(caller, page) {
      requirePolicyReader(caller)
      return records.listRevisions(page)
    },
  }
}
