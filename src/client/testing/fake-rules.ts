/** What a test said that a fake answers, and which of it a question meets. Answers nothing itself. Floor 6. */
import { findNearest } from '../../ground/nearest.ts'
import type { Question, Resource } from '../client.ts'
import { type CastellanError, InvalidRequestError } from '../errors.ts'
import { FAKE_RULES_MAX } from '../limits.ts'

/** Whom an answer is for; what is left out is anybody's. */
export interface FakeSubject {
  readonly user?: string
  readonly tenant?: string
  /** Of a question that presents a token in place of a name. */
  readonly accessToken?: string
  /** Holds only for resources that it says yes to; without a resource it is asked with an empty one. */
  readonly when?: (resource: Resource) => boolean
}

export type FakeOutcome =
  | { readonly kind: 'allow' }
  | { readonly kind: 'deny'; readonly reason: string; readonly hint?: string }
  | { readonly kind: 'fail'; readonly error: CastellanError }

export interface FakeRule {
  /** Absent: every permission. */
  readonly permission: string | undefined
  readonly subject: FakeSubject
  readonly outcome: FakeOutcome
}

export class FakeRules {
  /** The last word first. */
  #rules: FakeRule[] = []

  /** @throws InvalidRequestError for more rules than one test can mean */
  add(rule: FakeRule): void {
    if (this.#rules.length >= FAKE_RULES_MAX)
      throw new InvalidRequestError(`A fake takes at most ${FAKE_RULES_MAX} answers.`, {
        code: 'request_invalid',
        hint: 'Call reset() between tests, or leave user and tenant out to answer for anybody.',
      })
    this.#rules.unshift(rule)
  }

  clear(): void {
    this.#rules = []
  }

  /** What was said last of those that meet the question. */
  find(question: Question): FakeRule | undefined {
    return this.#rules.find(
      ({ permission, subject }) =>
        (permission === undefined || permission === question.permission) &&
        isAbout(subject, question) &&
        (subject.when === undefined || subject.when(question.resource ?? {})),
    )
  }

  /** Permissions of which anything was said that can be about this subject, sorted, with what is said whatever the resource. */
  about(subject: {
    readonly user: string
    readonly tenant: string
  }): readonly { readonly permission: string; readonly conditional: boolean }[] {
    const names = [...new Set(this.#rules.flatMap(({ permission }) => permission ?? []))].sort()
    return names.flatMap((permission) => {
      const meant = this.#rules.filter(
        (rule) => (rule.permission ?? permission) === permission && isAbout(rule.subject, { ...subject, permission }),
      )
      const settled = meant.findIndex((rule) => rule.subject.when === undefined)
      const open = (settled === -1 ? meant : meant.slice(0, settled)).map((rule) => rule.outcome.kind)
      const always = meant[settled]?.outcome.kind === 'allow'
      if (!always && !open.includes('allow')) return []
      return [{ permission, conditional: open.some((kind) => (kind === 'allow') !== always) }]
    })
  }
}

function isAbout({ user, tenant, accessToken }: FakeSubject, question: Question): boolean {
  return (
    (user === undefined || user === question.user) &&
    (tenant === undefined || tenant === question.tenant) &&
    (accessToken === undefined || accessToken === question.accessToken)
  )
}

/** Refuses names that the policy does not have, when it was told which there are. */
export function requireKnown(known: ReadonlySet<string> | undefined, permission: string): void {
  if (known === undefined || known.has(permission)) return
  const near = findNearest(permission, known)
  throw new InvalidRequestError(`No permission of the policy is called ${JSON.stringify(permission)}.`, {
    code: 'request_invalid',
    hint: near === undefined ? 'Is what `castellan codegen` wrote up to date?' : `Did you mean "${near}"?`,
    violations: [{ field: 'permission', message: 'is none of the permissions that the fake was given' }],
  })
}
