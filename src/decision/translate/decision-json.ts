/** A decision's message as JSON text, by hand: the answer of every warm check over HTTP. What it says is decision-answers.ts. Floor 5. */
import type { Decision } from '../../model/decision.ts'
import { decisionMessage } from './decision-answers.ts'
import { httpForm } from './wire-form.ts'

/** The very text that JSON.stringify makes of `decisionMessage`. */
export function decisionJson(decision: Decision): string {
  const { allowed, reason, decisionId, policyRevision, position, via } = decision
  const isPlain =
    decision.validUntilMs === undefined &&
    decision.expiredAtMs === undefined &&
    decision.validFromMs === undefined &&
    decision.hint === undefined
  if (!isPlain) return JSON.stringify(decisionMessage(decision, httpForm))
  // Reasons, ids and revisions are ours, of characters that JSON takes as they are.
  const roles = via.length === 0 ? '[]' : JSON.stringify(via)
  return `{"allowed":${allowed},"reason":"${reason}","decisionId":"${decisionId}","policyRevision":"${policyRevision}","position":${position},"via":${roles}}`
}
