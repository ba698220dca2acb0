/** Decisions as a decision point makes them, with what they were made from; no store. */
import { decide } from '../../../src/decision/decide.ts'
import type { AccessState, Assignment } from '../../../src/model/access-state.ts'
import type { CompiledPolicy } from '../../../src/model/compiled-policy.ts'
import type { CheckQuestion, Decision, PermissionsAnswer } from '../../../src/model/decision.ts'
import type { Decided } from '../../../src/model/decision-record.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'

export const NOW_MS = Date.parse('2026-11-22T10:00:00.000Z')
const HOUR_MS = 3_600_000

const owned = { service: 'sales', owner: 'o@example.org', stage: 'active' } as const
export const BUNDLE: PolicyBundle = {
  permissions: [
    { ...owned, name: 'quote.read', code: 'q.r', title: 'Read', risk: 'normal', attributes: {} },
    {
      ...{ ...owned, name: 'quote.send', code: 'q.s', title: 'Send', risk: 'normal' },
      ...{ attributes: { amount: 'number', customer: 'string', tags: 'string[]' }, log: ['amount', 'tags'] },
    },
    { ...owned, name: 'payout.create', code: 'p.c', title: 'Pay', risk: 'high', attributes: {} },
  ],
  reserved: [],
  roles: [
    { ...role('reader'), grants: [{ permission: 'quote.read' }] },
    { ...role('sender'), grants: [{ permission: 'quote.read' }, { permission: 'quote.send', when: { amount: { $lte: 10 } } }] },
    { ...role('clerk'), grants: [{ permission: 'payout.create' }] },
  ],
  constraints: [],
}
function role(name: string) {
  return { name, title: name, bundle: 'sales', owner: 'o@example.org', assignable: 'any' } as const
}
export const POLICY: CompiledPolicy = compilePolicy(BUNDLE)

/** In force, over, or to come. */
export function held(id: string, name: string, when: 'now' | 'past' | 'future' = 'now'): Assignment {
  if (when === 'past') return { id, role: name, validFromMs: NOW_MS - 2 * HOUR_MS, expiresAtMs: NOW_MS - HOUR_MS }
  return { id, role: name, validFromMs: when === 'now' ? NOW_MS - HOUR_MS : NOW_MS + HOUR_MS, expiresAtMs: null }
}

export function stateOf(assignments: readonly Assignment[]): AccessState {
  return {
    ...{ position: 7, policyPosition: 1, readAtMs: NOW_MS, assignments },
    tenant: { suspended: false, attributes: { region: 'secret-region' } },
    user: { deactivated: false, attributes: { salary: 'secret-salary' }, epoch: 0 },
  }
}

/** @param assignments of ann in acme */
export function decisionOf(
  id: string,
  assignments: readonly Assignment[],
  question: Pick<CheckQuestion, 'permission' | 'resource'>,
): Decision {
  const value = stateOf(assignments)
  const asked = { user: 'ann', tenant: 'acme', ...question }
  return {
    ...decide(POLICY, asked, value),
    ...{ decisionId: id, policyRevision: POLICY.revision, position: 7 },
    basis: {
      ...{ user: 'ann', tenant: 'acme', permissions: [question.permission], policy: POLICY, found: { value, level: 'memory' } },
      ...(question.resource === undefined ? {} : { resource: question.resource }),
    },
  }
}

export function answersOf(id: string, assignments: readonly Assignment[], permissions: readonly string[]): PermissionsAnswer {
  const value = stateOf(assignments)
  return {
    allowed: permissions.map((permission) => decide(POLICY, { user: 'ann', tenant: 'acme', permission }, value).allowed),
    ...{ decisionId: id, policyRevision: POLICY.revision, position: 7 },
    basis: { user: 'ann', tenant: 'acme', permissions, policy: POLICY, found: { value, level: 'memory' } },
  }
}

export function decided(decision: Decision | PermissionsAnswer, change: Partial<Decided> = {}): Decided {
  return {
    decision,
    ...{ method: typeof decision.allowed === 'boolean' ? 'Check' : 'CheckPermissions', wire: 'grpc', requestId: 'request-1' },
    caller: { id: 'caller-1', name: 'billing' },
    ...{ trace: undefined, atMs: NOW_MS, elapsedMs: 1.23456 },
    ...change,
  }
}
