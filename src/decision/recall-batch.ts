/** A batch answered from memory: each subject is looked up once, and what one item is told holds for every other that asks the same. Floor 5. */
import type { AccessResolver, Resolved } from '../access/resolve.ts'
import type { CheckQuestion, Decision, DecisionBasis, Verdict } from '../model/decision.ts'
import { BATCH_SUGGESTIONS_MAX } from '../model/limits.ts'
import { asError } from './resolve-batch.ts'
import { atMost, suggested } from './suggest.ts'

/** What the rule says of a question, and from what. */
export interface Ruled {
  readonly verdict: Verdict
  readonly basis: DecisionBasis
}

export interface RecallBatchNeeds {
  readonly resolver: Pick<AccessResolver, 'recall' | 'recalled'>
  /** Without a hint. @throws RequestError as `decide` */
  readonly rule: (found: Resolved, question: CheckQuestion) => Ruled
  readonly stamp: (verdict: Verdict, position: number, basis: DecisionBasis) => Decision
}

/** Whom some of the questions are about, as of one moment: nothing changes while a batch is answered. */
class Subject {
  readonly found: Resolved
  readonly minPosition: number | undefined
  items = 0
  #ruled: Map<string, Ruled> | undefined

  constructor(found: Resolved, minPosition: number | undefined) {
    this.found = found
    this.minPosition = minPosition
  }

  rule({ rule }: RecallBatchNeeds, question: CheckQuestion): Ruled {
    // Resources are seldom the same one twice.
    if (this.items === 1 || question.resource !== undefined) return rule(this.found, question)
    this.#ruled ??= new Map()
    const known = this.#ruled.get(question.permission)
    if (known !== undefined) return known
    const ruled = rule(this.found, question)
    this.#ruled.set(question.permission, ruled)
    return ruled
  }
}

/** @returns `undefined` when memory cannot answer all of them */
export function recallBatch(needs: RecallBatchNeeds, questions: readonly CheckQuestion[]): readonly (Decision | Error)[] | undefined {
  const subjects = subjectsOf(needs, questions)
  if (subjects === undefined) return undefined
  const suggest = atMost(BATCH_SUGGESTIONS_MAX)
  const answers: (Decision | Error)[] = []
  for (let index = 0; index < questions.length; index++) {
    const [question, subject] = [questions[index] as CheckQuestion, subjects[index] as Subject]
    try {
      const { verdict, basis } = subject.rule(needs, question)
      answers.push(needs.stamp(suggested(subject.found.policy, question, verdict, suggest), subject.found.position, basis))
    } catch (fault) {
      answers.push(asError(fault))
    }
  }
  return answers
}

/** In the order of the questions. */
function subjectsOf({ resolver }: RecallBatchNeeds, questions: readonly CheckQuestion[]): readonly Subject[] | undefined {
  const known = new Map<string, Map<string, Subject>>()
  const subjects: Subject[] = []
  let count = 0
  let before: CheckQuestion | undefined
  let subject: Subject | undefined
  for (const question of questions) {
    const { user, tenant, minPosition } = question
    // Neighbours are often about the same one.
    if (before === undefined || before.user !== user || before.tenant !== tenant || before.minPosition !== minPosition) {
      let users = known.get(tenant)
      if (users === undefined) {
        users = new Map()
        known.set(tenant, users)
      }
      subject = users.get(user)
      if (subject === undefined || subject.minPosition !== minPosition) {
        if (subject === undefined) count++
        const found = resolver.recall(tenant, user, minPosition)
        if (found === undefined) return undefined
        subject = new Subject(found, minPosition)
        users.set(user, subject)
      }
    }
    before = question
    if (subject === undefined) return undefined
    subject.items++
    subjects.push(subject)
  }
  resolver.recalled(count)
  return subjects
}
