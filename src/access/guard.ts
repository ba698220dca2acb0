/** May this caller do this, here? Asked by every change and by both wires before every decision. Knows callers, not subjects. Floor 3. */
import type { Caller, Scope } from '../model/caller.ts'
import { CallerDeniedError } from '../model/error-code.ts'

/** @throws CallerDeniedError naming the scope that is missing */
export function requireScope(caller: Caller, scope: Scope): void {
  requireOneScope(caller, [scope])
}

/** @throws CallerDeniedError naming the scopes of which one is needed */
export function requireOneScope(caller: Caller, scopes: readonly Scope[]): void {
  if (scopes.some((scope) => caller.scopes.includes(scope))) return
  throw new CallerDeniedError(
    `The caller lacks the scope ${scopes.map((scope) => `"${scope}"`).join(' or ')}.`,
    `An administrator makes a caller that has it: \`castellan caller create <name> --scopes ${scopes[0]}\`.`,
  )
}

/** @throws CallerDeniedError when the caller is limited to other tenants */
export function requireTenant(caller: Pick<Caller, 'tenants'>, tenant: string): void {
  if (caller.tenants === null || caller.tenants.includes(tenant)) return
  throw new CallerDeniedError('The caller is limited to other tenants.')
}

/** For what lies in no tenant, such as an account or a policy. @throws CallerDeniedError for a caller that is limited to some tenants */
export function requireAllTenants(
  caller: Caller,
  what: 'Accounts span' | 'A policy spans' | 'A chain of audit records spans' = 'Accounts span',
): void {
  if (caller.tenants === null) return
  throw new CallerDeniedError(`${what} all tenants; this caller is limited to some.`)
}
