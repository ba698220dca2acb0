/** Which decisions are kept: a share of the allows, the same ones everywhere, and everything else. Pure. Floor 5. */
import type { Decided } from '../../model/decision-record.ts'
import { isOfMany } from './record.ts'

/** Share of such decisions that is kept. Denies and what is of high risk are never left out. */
export function shareOf({ decision }: Decided, allows: number): number {
  if (allows === 1) return 1
  const { permissions, policy } = decision.basis
  const allowed = isOfMany(decision) ? !decision.allowed.includes(false) : decision.allowed
  if (!allowed || permissions.some((asked) => policy.findPermission(asked)?.risk === 'high')) return 1
  return allows
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
