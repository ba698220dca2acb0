/** "Did you mean", added to the verdict on a permission that nobody knows. Decides nothing. Floor 5. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { CheckQuestion, Verdict } from '../model/decision.ts'

/** Whether one more search for a nearest name may be made. */
export type Suggest = () => boolean
export const always: Suggest = () => true

export function atMost(count: number): Suggest {
  let left = count
  return () => left-- > 0
}

/** The rule is done without it: a hint is a search through all names, and what answers many questions makes only a few. */
export function suggested(
  policy: CompiledPolicy,
  question: Pick<CheckQuestion, 'permission'>,
  verdict: Verdict,
  suggest: Suggest,
): Verdict {
  if (verdict.reason !== 'UNKNOWN_PERMISSION' || !suggest()) return verdict
  const near = policy.suggestPermission(question.permission)
  return near === undefined ? verdict : { ...verdict, hint: `did you mean "${near}"?` }
}
