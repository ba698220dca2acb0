/** `createFake`: a client whose answers a test gives. Asks no service and knows no policy: for what the real engine says, see create-local.ts. Floor 6. */
import type { DenyReason } from '../../model/decision.ts'
import type { Asker } from '../asking/asker.ts'
import { openClient } from '../asking/open-client.ts'
import type { Client, Decision, Question } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { FAKE_QUESTIONS_KEPT_MAX } from '../limits.ts'
import { type FakeOutcome, FakeRules, type FakeSubject, requireKnown } from './fake-rules.ts'
import { parseFakeSubject, requireDenyReason, requireFailure, requireFakeSettings, requirePermission } from './parse-said.ts'

export interface FakeSettings<Permission extends string = string> {
  /** All names there are, as `PERMISSIONS` of `castellan codegen`: any other fails, in the test's answers and in the questions of what is tested. */
  readonly permissions?: readonly Permission[]
  /** Allowed from the start, and after `reset`, to anybody. */
  readonly allow?: readonly Permission[]
}

/** Those that are known, and any that a newer service may add. */
export type FakeReason = DenyReason | (string & {})

/** What is said wrongly is an `InvalidRequestError`, and no rule. */
export interface Fake<Permission extends string = string> extends Client<Permission> {
  /** Answers yes with the reason ROLE. What was said last holds. */
  allow(permission: Permission, subject?: FakeSubject): void
  /** Answers no. @param reason absent: ROLE_LACKS_PERMISSION; any of the service's reasons */
  deny(permission: Permission, reason?: FakeReason, subject?: FakeSubject): void
  /** Rejects every question, or those about `subject`, until something else is said or `reset`. */
  fail(error: CastellanError, subject?: FakeSubject): void
  /** What was asked since the start or `reset`, oldest first; the last 10,000. `listPermissions` is not among them. */
  readonly questions: readonly Question<Permission>[]
  /** Forgets what was said and asked. */
  reset(): void
}

/** Nothing is allowed until the test says so: without a word the answer is NO_ASSIGNMENT. */
export function createFake<Permission extends string = string>(settings: FakeSettings<Permission> = {}): Fake<Permission> {
  requireFakeSettings(settings)
  const known = settings.permissions === undefined ? undefined : new Set<string>(settings.permissions)
  const rules = new FakeRules()
  const questions: Question<Permission>[] = []
  const answer = (permission: string, outcome: FakeOutcome, subject: unknown) => {
    requirePermission(permission)
    requireKnown(known, permission)
    rules.add({ permission, subject: parseFakeSubject(subject), outcome })
  }
  const allowFirst = () => {
    for (const permission of settings.allow ?? []) answer(permission, { kind: 'allow' }, {})
  }
  allowFirst()
  let asked = 0
  const decide = (question: Question): Decision => {
    asked += 1
    if (questions.length === FAKE_QUESTIONS_KEPT_MAX) questions.shift()
    questions.push(question as Question<Permission>)
    requireKnown(known, question.permission)
    const outcome = rules.find(question)?.outcome ?? NOT_SAID
    if (outcome.kind === 'fail') throw outcome.error
    const stamp = { decisionId: `fake-${asked}`, ...STAMP }
    if (outcome.kind === 'allow') return { ...stamp, allowed: true, reason: 'ROLE', via: ['fake'] }
    const { reason, hint } = outcome
    return { ...stamp, allowed: false, reason, via: [], ...(hint === undefined ? {} : { hint }) }
  }
  const asker: Asker = {
    check: async (question) => decide(question),
    checkAll: async (all) => all.map((question) => decided(decide, question)),
    listPermissions: async (subject) => {
      const failing = rules.find({ ...subject, permission: '' })?.outcome
      if (failing?.kind === 'fail') throw failing.error
      const permissions = rules.about(subject).map((held) => ({ ...held, code: held.permission, via: ['fake'] }))
      return { permissions, ...STAMP }
    },
    close: async () => undefined,
  }
  return Object.assign(openClient(asker) as Client<Permission>, {
    questions,
    allow: (permission: Permission, subject: FakeSubject = {}) => answer(permission, { kind: 'allow' }, subject),
    deny: (permission: Permission, reason: FakeReason = 'ROLE_LACKS_PERMISSION', subject: FakeSubject = {}) => {
      requireDenyReason(reason)
      answer(permission, { kind: 'deny', reason }, subject)
    },
    fail: (error: CastellanError, subject: FakeSubject = {}) => {
      requireFailure(error)
      rules.add({ permission: undefined, subject: parseFakeSubject(subject), outcome: { kind: 'fail', error } })
    },
    reset: () => {
      rules.clear()
      questions.length = 0
      allowFirst()
    },
  })
}

const STAMP = { policyRevision: 'fake', position: 0 }
const NOT_SAID: FakeOutcome = { kind: 'deny', reason: 'NO_ASSIGNMENT', hint: 'nothing was said of it: fake.allow(permission) says yes' }

function decided(decide: (question: Question) => Decision, question: Question): Decision | CastellanError {
  try {
    return decide(question)
  } catch (fault) {
    if (fault instanceof CastellanError) return fault
    throw fault
  }
}
