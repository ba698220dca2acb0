/** Which decisions are kept: a share of the allows, the same ones everywhere, and everything else. Pure. Floor 5. */
import type { Decided } from '../../model/decision-record.ts'
import { isOfMany } from './record.ts'

/** A deny, or of high risk: never left out, and the last to go where there is no room. */
export function matters({ decision }: Decided): boolean {
  const { permissions, policy } = decision.basis
  const allowed = isOfMany(decision) ? !decision.allowed.includes(false) : decision.allowed
  return !allowed || permissions.some((asked) => policy.findPermission(asked)?.risk === 'high')
}

/** Share of such decisions that is kept. */
export function shareOf(event: Decided, allows: number): number {
  return allows === 1 || matters(event) ? 1 : allows
}

/** By the decision's id alone, so that every reader of a log can tell whether a decision would be there. */
export function isKept(decisionId: string, share: number): boolean {
  return share === 1 || (share > 0 && hashOf(decisionId) < share * 2 ** 32)
}

/** FNV-1a, its bits mixed as MurmurHash3 ends: even, whatever ids look like. Of 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
