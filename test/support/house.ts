/** The whole house without its wires: real decisions and real administration on a real store and a given policy. */
import { type AdministrationNeeds, openAdministration } from '../../src/access/administration.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { Administration, ChangeContext, PolicyStatus } from '../../src/model/administration.ts'
import type { Caller } from '../../src/model/caller.ts'
import { SCOPES } from '../../src/model/caller.ts'
import type { CompiledPolicy } from '../../src/model/compiled-policy.ts'
import type { Decision, DecisionPoint } from '../../src/model/decision.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import type { Store } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'
import { openTestPglite } from './stores.ts'

export interface House {
  readonly database: Database
  readonly store: Store
  readonly decisions: DecisionPoint
  readonly administration: Administration
  /** All scopes, all tenants. */
  readonly admin: Caller
  readonly context: ChangeContext
  /** Puts another bundle in force. */
  use(bundle: PolicyBundle): void
  check(user: string, tenant: string, permission: string, resource?: Record<string, unknown>): Promise<Decision>
  /** Forgets all tenants, users and assignments. */
  clear(): Promise<void>
  close(): Promise<void>
}

export const NEVER = new AbortController().signal

/** @param database absent: PGlite in memory */
export async function openHouse(bundle: PolicyBundle, database?: Database, settings: { strictSubjects?: boolean } = {}): Promise<House> {
  const opened = database ?? (await openTestPglite())
  await migrate(opened, {})
  const store = openStore(opened)
  let policy: CompiledPolicy = compilePolicy(bundle)
  const source = { current: () => policy }
  const policyStatus = (): PolicyStatus => ({
    revision: policy.revision,
    loadedAtMs: 0,
    source: 'directory',
    permissions: policy.bundle.permissions.length,
    roles: policy.bundle.roles.length,
    faults: [],
  })
  const needs: AdministrationNeeds = {
    store,
    policy: source,
    policyStatus,
    random: systemRandom,
    strictSubjects: settings.strictSubjects ?? false,
  }
  const admin: Caller = { id: 'test-admin', name: 'test', scopes: SCOPES, tenants: null }
  const decisions = openDecisionPoint({ access: store.access, policy: source, random: systemRandom })
  return {
    database: opened,
    store,
    decisions,
    administration: openAdministration(needs),
    admin,
    context: { caller: admin, reason: 'test' },
    use: (next) => {
      policy = compilePolicy(next)
    },
    check: (user, tenant, permission, resource) =>
      decisions.check({ user, tenant, permission, ...(resource === undefined ? {} : { resource }) }, NEVER),
    clear: async () => {
      await opened.knex.raw('truncate role_assignment, subject, tenant')
    },
    close: async () => {
      await store.close()
    },
  }
}

/** A bundle from role names and the permissions they grant, for tests that need no more than that. */
export function bundleOf(roles: Readonly<Record<string, readonly string[]>>): PolicyBundle {
  const names = [...new Set(Object.values(roles).flat())].sort()
  return {
    permissions: names.map((name, index) => ({
      name,
      code: `t.${index}`,
      title: name,
      service: 'test',
      owner: 'test@example.org',
      risk: 'normal',
      stage: 'active',
      attributes: {},
    })),
    reserved: [],
    roles: Object.entries(roles).map(([name, granted]) => ({
      name,
      title: name,
      bundle: 'test',
      owner: 'test@example.org',
      assignable: 'any',
      grants: [...granted].sort().map((permission) => ({ permission })),
    })),
    constraints: [],
  }
}
