/**
 * Judges a history by what was promised (freshness, F1 to F3). Pure; knows the rule of deciding and nothing of how answers were made.
 *
 * An answer has to be the decision of ONE committed version: rows and policy of that version, windows as they stood at some instant of the
 * database's time between the question and the answer. That version
 *   F1  has every change that was acknowledged before the question,
 *   F2  has every change committed longer than L before the answer (L on the clock of the replica that answered),
 *   F3  has the position that was asked for, and the one that the answer claims,
 *   and was committed before the answer.
 * A restore takes versions back. From when the database went away for it, they are asked of nobody any more; L after that, nobody may answer
 * from them.
 */
import { decide } from '../../src/decision/decide.ts'
import type { Verdict } from '../../src/model/decision.ts'
import { FRESHNESS_BOUND_MS } from '../../src/model/limits.ts'
import type { Answer, CheckRecord, Ended, History } from './history.ts'
import { databaseMs, type Version } from './world/database.ts'
import { policyOf } from './world/policies.ts'
import { stateOf } from './world/rows.ts'

export type Rule = 'F1' | 'F2' | 'F3' | 'restore' | 'no version' | 'not answered'

export interface Violation {
  readonly rule: Rule
  readonly check: CheckRecord
  readonly text: string
}

export function judge(history: History): Violation[] {
  return history.checks.flatMap((check) => judgeCheck(history, check) ?? [])
}

function judgeCheck(history: History, check: CheckRecord): Violation | undefined {
  const { ended } = check
  if (ended === undefined || 'code' in ended.answer) {
    if (!check.healthy) return undefined
    return { rule: 'not answered', check, text: ended === undefined || !('code' in ended.answer) ? 'no answer' : ended.answer.code }
  }
  const { answer } = ended
  const rules = rulesFor(history, check, ended, answer)
  let deciding: Version[] = []
  // The newest first: it is nearly always the one.
  for (let index = history.versions.length - 1; index >= 0; index--) {
    const version = history.versions[index]
    if (version === undefined || version.number > ended.number || !decides(version, check, ended, answer)) continue
    const broken = rules.find((rule) => !rule.admits(version))
    if (broken === undefined) return undefined
    deciding = [...deciding, version]
  }
  if (deciding.length === 0) return { rule: 'no version', check, text: 'no version that was ever committed decides so' }
  const [newest] = deciding
  const broken = newest && rules.find((rule) => !rule.admits(newest))
  return (
    broken && { rule: broken.rule, check, text: `decided as of ${deciding.map(({ position }) => position).join(', ')}: ${broken.text}` }
  )
}

interface Demand {
  readonly rule: Rule
  readonly text: string
  admits(version: Version): boolean
}

function rulesFor(history: History, check: CheckRecord, ended: Ended, answer: Answer): Demand[] {
  const boundMs = FRESHNESS_BOUND_MS / check.rate
  const acknowledged = history.acknowledged.filter(({ number }) => number < check.started).map(({ version }) => version)
  const old = history.versions.filter(({ committedAtMs }) => committedAtMs < ended.atMs - boundMs)
  const isGone = ({ lostAtMs }: Version) => lostAtMs !== undefined && ended.atMs >= lostAtMs
  const has = (rule: Rule, what: string, required: readonly Version[]) =>
    required.filter((version) => !isGone(version)).map((one) => demandHas(rule, `${what} ${one.position}`, one))
  const { minPosition = 0 } = check
  return [
    ...has('F1', 'acknowledged before:', acknowledged),
    ...has('F2', 'committed long before:', old),
    {
      rule: 'restore',
      text: 'taken back by a restore long before',
      admits: ({ lostAtMs }) => lostAtMs === undefined || ended.atMs < lostAtMs + boundMs,
    },
    { rule: 'F3', text: `asked for: ${minPosition}`, admits: ({ position }) => position >= minPosition },
    { rule: 'F3', text: `claimed: ${answer.position}`, admits: ({ position }) => position >= answer.position },
  ]
}

function demandHas(rule: Rule, text: string, required: Version): Demand {
  const admits = (version: Version) => {
    for (let at: Version | undefined = version; at !== undefined; at = at.parent) if (at === required) return true
    return false
  }
  return { rule, text, admits }
}

/** Whether this version decides so, at some instant of the database's time while the check was under way. */
function decides(version: Version, check: CheckRecord, { atMs }: Ended, answer: Answer): boolean {
  if (version.rows.policy.revision !== answer.policyRevision) return false
  const policy = policyOf(answer.policyRevision)
  const { tenant, user, permission } = check
  const question = { tenant, user, permission }
  const [fromMs, untilMs] = [Math.floor(databaseMs(check.startedAtMs)), Math.floor(databaseMs(atMs))]
  const state = stateOf(version.rows, version.position, tenant, user, fromMs)
  const edges = state.assignments.flatMap(({ validFromMs, expiresAtMs }) => [validFromMs, expiresAtMs ?? untilMs])
  const instants = new Set([fromMs, untilMs, ...edges.filter((edgeMs) => edgeMs > fromMs && edgeMs <= untilMs)])
  for (const readAtMs of instants) if (sameVerdict(decide(policy, question, { ...state, readAtMs }), answer.verdict)) return true
  return false
}

function sameVerdict(one: Verdict, other: Verdict): boolean {
  return (
    one.allowed === other.allowed &&
    one.reason === other.reason &&
    one.via.join() === other.via.join() &&
    one.validUntilMs === other.validUntilMs &&
    one.expiredAtMs === other.expiredAtMs &&
    one.validFromMs === other.validFromMs
  )
}
