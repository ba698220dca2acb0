/** Which cells of the role × permission matrix the passing policy tests ask about. Runs no test and judges none. Pure. Floor 5. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { grantingOf } from '../policy/mutant.ts'
import type { PolicyTestResult, PreparedTest } from './policy-test.ts'

export interface CellCount {
  readonly covered: number
  readonly all: number
}

export interface PolicyCoverage {
  /** Cells of which the role grants the permission, with or without a condition. */
  readonly granted: CellCount
  readonly others: CellCount
  /** Granted cells that no passing test asks about; roles without any are left out. Sorted by role, then permission. */
  readonly uncovered: readonly { readonly role: string; readonly permissions: readonly string[] }[]
}

/**
 * A cell is covered when a passing test asks about the permission of somebody who holds the role at the moment of the test: `exactly` asks
 * about all permissions, a case about one.
 * @param results of the same tests, in the same order
 */
export function measureCoverage(
  policy: CompiledPolicy,
  tests: readonly PreparedTest[],
  results: readonly PolicyTestResult[],
): PolicyCoverage {
  const asked = askedByRole(
    policy,
    tests.filter((_, index) => results[index]?.passed === true),
  )
  const all = policy.bundle.permissions.length
  const granted = { covered: 0, all: 0 }
  const others = { covered: 0, all: 0 }
  const uncovered: { role: string; permissions: readonly string[] }[] = []
  for (const role of policy.bundle.roles) {
    const grants = [...grantingOf(role).keys()]
    const seen = asked.get(role.name)
    const missing = seen === 'all' ? [] : grants.filter((permission) => seen?.has(permission) !== true)
    const covered = seen === 'all' ? all : (seen?.size ?? 0)
    granted.all += grants.length
    granted.covered += grants.length - missing.length
    others.all += all - grants.length
    others.covered += covered - (grants.length - missing.length)
    if (missing.length > 0) uncovered.push({ role: role.name, permissions: missing.sort() })
  }
  return { granted, others, uncovered }
}

function askedByRole(policy: CompiledPolicy, tests: readonly PreparedTest[]): ReadonlyMap<string, Set<string> | 'all'> {
  const asked = new Map<string, Set<string> | 'all'>()
  for (const { test, rolesInForce } of tests) {
    const permissions = test.cases.flatMap(({ permission }) => policy.findPermission(permission)?.name ?? [])
    for (const role of rolesInForce) {
      const known = asked.get(role) ?? new Set()
      if (test.exactly !== undefined || known === 'all') asked.set(role, 'all')
      else {
        for (const permission of permissions) known.add(permission)
        asked.set(role, known)
      }
    }
  }
  return asked
}
