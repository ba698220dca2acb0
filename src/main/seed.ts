/** The sample people of a development service: two tenants, one person with different roles in each, one temporary grant. Made through administration, so audited. Floor 6. */
import type { Administration, ChangeContext } from '../model/administration.ts'
import { type Caller, SCOPES } from '../model/caller.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { NotFoundError } from '../model/error-code.ts'
import { type SampleGrant, type SampleQuestions, sampleGrants, sampleQuestions, sampleTenants, sampleUsers } from './samples.ts'

const SEED: Caller = { id: 'development-seed', name: 'development-seed', scopes: SCOPES, tenants: null, builtIn: true }
const CONTEXT: ChangeContext = { caller: SEED, reason: 'sample of castellan dev' }
/** Enough to see whether a sample grant was ever made: people of the samples hold few. */
const HISTORY_PAGE = { pageSize: 1_000 }

/**
 * Makes what is missing and leaves what is there: a sample that was revoked or changed since stays so, and a killed start is completed by the next.
 * @returns the questions to show, or `undefined` when the policy does not have the samples' roles
 */
export async function seedSamples(
  administration: Administration,
  policy: CompiledPolicy,
  nowMs: number,
): Promise<SampleQuestions | undefined> {
  if (!sampleGrants.every((grant) => policy.findRole(grant.role) !== undefined)) return undefined
  for (const tenant of sampleTenants)
    if (await isMissing(() => administration.getTenant(SEED, tenant.tenant))) await administration.putTenant(CONTEXT, tenant)
  for (const user of sampleUsers)
    if (await isMissing(() => administration.getUser(SEED, user.user))) await administration.putUser(CONTEXT, user)
  for (const grant of sampleGrants) await grantOnce(administration, grant, nowMs)
  return sampleQuestions
}

async function grantOnce(administration: Administration, { tenant, user, role, forMs }: SampleGrant, nowMs: number): Promise<void> {
  const ever = await administration.listAssignments(SEED, tenant, user, true, HISTORY_PAGE)
  if (ever.items.some((assignment) => assignment.role === role)) return
  await administration.grant(CONTEXT, { tenant, user, role, ...(forMs === undefined ? {} : { expiresAtMs: nowMs + forMs }) })
}

async function isMissing(find: () => Promise<unknown>): Promise<boolean> {
  try {
    await find()
    return false
  } catch (fault) {
    if (fault instanceof NotFoundError) return true
    throw fault
  }
}
