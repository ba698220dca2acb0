/** What a service answered → decisions and lists, or an error: whatever is not clearly an answer is none. No wire's library. Floor 6. */
import { REASONS } from '../../model/decision.ts'
import type { Decision, HeldPermission, PermissionList } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { badAnswer, codeIn, serviceError, violationsIn } from './service-error.ts'

type Plain = Readonly<Record<string, unknown>>

/** How a wire writes what JSON and protobuf write differently. */
export interface AnswerForm {
  /** Protobuf sends no false, no 0, no empty text and no empty list. */
  readonly leavesOutDefaults: boolean
  /** NaN for what is no moment. */
  instantMs(value: unknown): number
}

const ALLOWS: readonly string[] = ['ROLE', 'TEMPORARY_GRANT']

/** @throws UnavailableError `bad_answer` */
export function parseDecision(value: unknown, form: AnswerForm): Decision {
  const answer = objectOf(value)
  const allowed = flag(answer, 'allowed', form)
  const reason = text(answer, 'reason')
  // A reason that is newer than this client may stand beside either; a known one may not.
  if (allowed && !ALLOWS.includes(reason) && (REASONS as readonly string[]).includes(reason))
    throw badAnswer('allowed for a reason to deny')
  if (!allowed && ALLOWS.includes(reason)) throw badAnswer('denied for a reason to allow')
  const decision = {
    allowed,
    reason,
    decisionId: text(answer, 'decisionId'),
    policyRevision: text(answer, 'policyRevision'),
    position: position(answer, form),
    via: texts(answer, 'via', form),
  }
  const { validUntil, expiredAt, validFrom, hint } = answer
  // Most have none of them, and spreading nothing four times would cost more than all the rest.
  if (validUntil === undefined && expiredAt === undefined && validFrom === undefined && hint === undefined) return decision
  return {
    ...decision,
    ...instant(answer, 'validUntil', form),
    ...instant(answer, 'expiredAt', form),
    ...instant(answer, 'validFrom', form),
    ...optionalText(answer, 'hint'),
  }
}

/** Each in its place; one that is no answer is that question's failure. @throws UnavailableError `bad_answer` when they are not as many as were asked */
export function parseResults(value: unknown, count: number, form: AnswerForm): readonly (Decision | CastellanError)[] {
  const items = objectOf(value)['items']
  if (!Array.isArray(items) || items.length !== count) throw badAnswer('another number of answers than of questions')
  return items.map((item: unknown) => {
    try {
      return parseItem(item, form)
    } catch (fault) {
      if (fault instanceof CastellanError) return fault
      throw fault
    }
  })
}

function parseItem(item: unknown, form: AnswerForm): Decision | CastellanError {
  const { decision, error } = objectOf(item)
  if ((decision === undefined) === (error === undefined)) throw badAnswer('an item that is neither a decision nor an error')
  return error === undefined ? parseDecision(decision, form) : itemError(error)
}

function itemError(value: unknown): CastellanError {
  const error = objectOf(value)
  const code = codeIn(error['code'])
  if (code === undefined) throw badAnswer('an error without a code')
  return serviceError({ code, violations: violationsIn(error['violations']), cause: error })
}

/** @throws UnavailableError `bad_answer` */
export function parsePermissionList(value: unknown, form: AnswerForm): PermissionList {
  const answer = objectOf(value)
  return {
    permissions: list(answer, 'permissions', form).map((one) => parseHeld(objectOf(one), form)),
    ...optionalText(answer, 'denied'),
    policyRevision: text(answer, 'policyRevision'),
    position: position(answer, form),
  }
}

function parseHeld(held: Plain, form: AnswerForm): HeldPermission {
  return {
    permission: text(held, 'permission'),
    code: text(held, 'code'),
    conditional: flag(held, 'conditional', form),
    via: texts(held, 'via', form),
  }
}

function objectOf(value: unknown): Plain {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Plain
  throw badAnswer('no object')
}

function flag(answer: Plain, name: string, form: AnswerForm): boolean {
  const value = answer[name]
  if (typeof value === 'boolean') return value
  if (value === undefined && form.leavesOutDefaults) return false
  throw badAnswer(`${name} is no boolean`)
}

function text(answer: Plain, name: string): string {
  const value = answer[name]
  if (typeof value === 'string' && value !== '') return value
  throw badAnswer(`${name} is no text`)
}

function optionalText<Name extends string>(answer: Plain, name: Name): { readonly [name in Name]?: string } {
  const value = answer[name]
  if (value === undefined || value === '') return {}
  return { [name]: text(answer, name) } as { readonly [name in Name]?: string }
}

function position(answer: Plain, form: AnswerForm): number {
  const value = answer['position'] ?? (form.leavesOutDefaults ? 0 : undefined)
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw badAnswer('position is no position')
}

function list(answer: Plain, name: string, form: AnswerForm): readonly unknown[] {
  const value = answer[name] ?? (form.leavesOutDefaults ? [] : undefined)
  if (Array.isArray(value)) return value
  throw badAnswer(`${name} is no list`)
}

function texts(answer: Plain, name: string, form: AnswerForm): readonly string[] {
  const values = list(answer, name, form)
  if (values.every((value) => typeof value === 'string')) return values
  throw badAnswer(`${name} is no list of texts`)
}

function instant<Name extends string>(answer: Plain, name: Name, form: AnswerForm): { readonly [name in Name]?: Date } {
  const value = answer[name]
  if (value === undefined || value === null) return {}
  const date = new Date(form.instantMs(value))
  if (Number.isNaN(date.getTime())) throw badAnswer(`${name} is no moment`)
  return { [name]: date } as { readonly [name in Name]?: Date }
}
