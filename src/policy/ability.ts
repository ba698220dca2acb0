/** CASL, and its edges, kept in this one file: a set of grants as one ability. Knows no files. Floor 2. */
import { Ability } from '@casl/ability'
import type { ConditionContext } from '../model/condition.ts'
import type { CompiledCondition } from './condition.ts'

/** A permission, and the condition under which it is granted. */
export interface AbilityGrant {
  readonly permission: string
  readonly condition: CompiledCondition | undefined
}

export interface PermissionAbility {
  can(permission: string, context: ConditionContext): boolean
}

/**
 * What CASL is asked about, always an instance: asked with a type's name alone it says yes to any conditional rule.
 * The caller's resource stays inside, so that nothing it brings (`__caslSubjectType__`) is ever looked at by CASL.
 */
class Question {
  readonly context: ConditionContext
  constructor(context: ConditionContext) {
    this.context = context
  }
}

const SUBJECT_TYPE = 'question'
/** CASL's wildcards cannot be switched off, only renamed: to what no grammar of ours admits and nobody can ask. */
const NO_ACTION = '\u0000no action stands for every action'
const NO_SUBJECT_TYPE = '\u0000no subject type stands for every subject type'

/** One ability for a whole role set: one rule for all that is unconditional, one more for each condition. */
export function buildAbility(grants: Iterable<AbilityGrant>): PermissionAbility {
  const unconditional = new Set<string>()
  const conditional: { action: string; subject: string; conditions: CompiledCondition }[] = []
  for (const { permission, condition } of grants) {
    if (condition === undefined) unconditional.add(permission)
    else conditional.push({ action: permission, subject: SUBJECT_TYPE, conditions: condition })
  }
  const rules = unconditional.size === 0 ? conditional : [...conditional, { action: [...unconditional], subject: SUBJECT_TYPE }]
  const ability = new Ability<[string, string | Question], CompiledCondition>(rules, {
    anyAction: NO_ACTION,
    anySubjectType: NO_SUBJECT_TYPE,
    // Not from the object: a plain object could name its own type.
    detectSubjectType: () => SUBJECT_TYPE,
    // Conditions come compiled; CASL's own matcher, which lets `undefined`, `null` and empty lists through, is never used.
    conditionsMatcher: (condition) => (asked) => asked instanceof Question && condition.evaluate(asked.context) === undefined,
  })
  return { can: (permission, context) => ability.can(permission, new Question(context)) }
}
