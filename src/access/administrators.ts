/** People who administer: who they are, and that one of them is left. Who may call otherwise is guard.ts. Floor 3. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { ServiceError } from '../model/error-code.ts'
import type { CallerChange } from './change.ts'

/** Who holds it in the tenant of administrators administers accounts, by their access token. */
export const ADMINISTER_PERMISSION = 'castellan.account.write'

/** Roles that make an administrator on their own: a condition on a resource would have to hold for an account, which is none. */
export function administratorRoles(policy: CompiledPolicy): readonly string[] {
  if (policy.findPermission(ADMINISTER_PERMISSION)?.stage === 'disabled') return []
  return policy.rolesGranting(ADMINISTER_PERMISSION).filter((role) =>
    policy
      .roleSet([role])
      .waysTo(ADMINISTER_PERMISSION)
      .some((way) => !way.conditional),
  )
}

/**
 * Before any other lock: the tenant's row comes first, and two deactivations, each of the other administrator, take their turn at it.
 * @throws ServiceError `conflict` when `user` is who asks, or the last active administrator
 */
export async function requireOtherAdministrator(
  { transaction, context }: CallerChange,
  policy: CompiledPolicy,
  tenant: string,
  user: string,
): Promise<void> {
  if (context.caller.person?.user === user)
    throw new ServiceError('conflict', 'Nobody deactivates himself.', { hint: 'Another administrator does.' })
  await transaction.lockTenant(tenant)
  const roles = administratorRoles(policy)
  if (roles.length === 0) return
  const holders = await transaction.listHolderIds(tenant, roles, 2)
  if (holders.length !== 1 || holders[0] !== user) return
  throw new ServiceError('conflict', 'This is the last active administrator.', {
    hint: `Give another person a role with ${ADMINISTER_PERMISSION} first.`,
  })
}
