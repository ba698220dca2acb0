/** Questions of an auditor, as both wires can carry them. Scopes are guarded inside AccessHistory and DecisionLogReader. Floor 5. */
import type { AccessHistory, DecisionLogReader } from '../../model/access-history.ts'
import type { Operation } from './decision-operations.ts'

export function historyOperations(_history: AccessHistory, _decisions: DecisionLogReader) {
  return {} satisfies Readonly<Record<string, Operation>>
}
