/** Records of decisions for tests of what is done with them, and a source that tells of them. */
import type { DecisionRecord } from '../../../src/model/decision-record.ts'
import type { DecisionListener, DecisionSource } from '../../../src/model/live-decisions.ts'

export function recordOf(id: number | string, changed: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    type: 'decision',
    id: String(id),
    at: '2026-11-22T09:00:00.000Z',
    replica: 'replica-1',
    method: 'Check',
    wire: 'grpc',
    requestId: `request-${id}`,
    caller: { id: 'caller-1', name: 'service' },
    user: 'ann',
    tenant: 'north',
    permission: 'coding.medical-stay.read',
    code: 't.0',
    risk: 'normal',
    allowed: true,
    reason: 'ROLE',
    via: ['coder'],
    assignments: ['assignment-1'],
    roles: ['coder'],
    policyRevision: 'a'.repeat(64),
    position: 7,
    level: 'memory',
    durationMs: 0.2,
    sampled: 1,
    ...changed,
  }
}

export interface TestSource extends DecisionSource {
  readonly listeners: ReadonlySet<DecisionListener>
  tell(record: DecisionRecord): void
  lose(count: number): void
}

export function openTestSource(): TestSource {
  const listeners = new Set<DecisionListener>()
  return {
    listeners,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    tell(record) {
      for (const listener of listeners) listener.decided(record)
    },
    lose(count) {
      for (const listener of listeners) listener.lost(count)
    },
  }
}
