/** Tenants: registered, suspended, resumed. A suspended tenant is denied as a whole; its rows stay as they are. Floor 3. */
import type { ChangeContext, Changed, TenantInput } from '../model/administration.ts'
import { NotFoundError } from '../model/error-code.ts'
import type { TenantRecord } from '../model/records.ts'
import { type ChangeNeeds, changeBy, recordApplied, recordNoop } from './change.ts'
import { requireScope, requireTenant } from './guard.ts'
import { sameData } from './same-data.ts'

/** Registers a tenant or changes what is said of it; a field left out keeps its value. */
export async function putTenant(needs: ChangeNeeds, context: ChangeContext, input: TenantInput): Promise<Changed<TenantRecord>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, input.tenant)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { record: before, created } = await transaction.ensureTenant(input.tenant)
    const record: TenantRecord = {
      ...before,
      displayName: input.displayName ?? before.displayName,
      attributes: input.attributes ?? before.attributes,
    }
    const audited = { action: 'tenant.put', tenant: input.tenant, before: created ? null : before, after: record } as const
    if (!created && sameData(before, record)) {
      return { record: before, changed: false, position: await recordNoop(change, audited) }
    }
    await transaction.updateTenant(record)
    const position = await recordApplied(change, audited, [{ kind: 'tenant', tenant: input.tenant }])
    return { record, changed: true, position }
  })
}

export async function setTenantState(
  needs: ChangeNeeds,
  context: ChangeContext,
  tenant: string,
  state: TenantRecord['state'],
): Promise<Changed<TenantRecord>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, tenant)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const before = await transaction.lockTenant(tenant)
    if (before === undefined) throw new NotFoundError('The tenant is unknown.', 'Register it with `castellan tenant create`.')
    const record: TenantRecord = { ...before, state }
    const action = state === 'suspended' ? 'tenant.suspend' : 'tenant.resume'
    const audited = { action, tenant, before: { state: before.state }, after: { state } } as const
    if (before.state === state) return { record, changed: false, position: await recordNoop(change, audited) }
    await transaction.updateTenant(record)
    const position = await recordApplied(change, audited, [{ kind: 'tenant', tenant }])
    return { record, changed: true, position }
  })
}
