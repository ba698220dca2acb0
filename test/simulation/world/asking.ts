/** Changes and checks, as callers of a replica make them, written down from outside. */
import { setMaxListeners } from 'node:events'
import { AppError } from '../../../src/ground/errors.ts'
import type { Decision } from '../../../src/model/decision.ts'
import type { CheckRecord, Ended } from '../history.ts'
import type { Action, What } from '../schedule.ts'
import type { Timeline } from './clock.ts'
import type { ChangeOutcome, SimulatedDatabase } from './database.ts'
import { PERMISSIONS, REVISIONS, ROLES } from './policies.ts'
import type { Recorder } from './recorder.ts'
import type { Replica } from './replica.ts'
import type { Change } from './rows.ts'

/** Joined by a bar, the first two would be one. */
export const PAIRS = [
  { tenant: 'a|b', user: 'c' },
  { tenant: 'a', user: 'b|c' },
  { tenant: 'a', user: 'c' },
  { tenant: 'a|b', user: 'b|c' },
  { tenant: 'a', user: 'd' },
  { tenant: 'a|b', user: 'd' },
] as const
type Pair = (typeof PAIRS)[number]

export interface AskingNeeds {
  readonly timeline: Timeline
  readonly database: SimulatedDatabase
  readonly recorder: Recorder
  readonly replicas: () => readonly Replica[]
}

interface Question {
  readonly pair: number
  readonly permission: number
  readonly batch?: boolean
  readonly minPosition: number | undefined
  readonly patienceMs: number | null
  readonly healthy: boolean
}

export class Asking {
  readonly #needs: AskingNeeds
  /** Of a caller who waits for as long as it takes. */
  readonly #stays = new AbortController().signal
  #questions = 0

  constructor(needs: AskingNeeds) {
    this.#needs = needs
    // As many as there are checks under way.
    setMaxListeners(0, this.#stays)
  }

  check(replica: Replica, question: Question): void {
    const { opened, process } = replica
    if (opened === undefined) return
    const { minPosition, patienceMs, batch = false } = question
    const records = (batch ? [question.pair, question.pair + 1] : [question.pair]).map((pair) =>
      this.#begin(replica, { ...question, pair }),
    )
    const signal = patienceMs === null ? this.#stays : this.#leavesAfter(patienceMs)
    const questions = records.map(({ tenant, user, permission }) => ({
      tenant,
      user,
      permission,
      ...(minPosition === undefined ? {} : { minPosition }),
    }))
    replica.asked++
    process.enter(() => {
      const [first] = questions
      // As the quick ways do it: whatever memory alone says is held to the same promise.
      const asked = async () => {
        if (first === undefined || batch)
          return opened.decisions.recallBatch(questions) ?? (await opened.decisions.checkBatch(questions, signal))
        return opened.decisions.recallCheck(first) ?? (await opened.decisions.check(first, signal))
      }
      const answering = asked()
      answering.then(
        (answered) => {
          replica.asked--
          for (const [index, record] of records.entries()) this.#end(record, [answered].flat()[index])
        },
        (fault: unknown) => {
          replica.asked--
          for (const record of records) this.#end(record, fault)
        },
      )
    })
  }

  #begin(replica: Replica, question: Question): CheckRecord {
    const { timeline, recorder } = this.#needs
    const { minPosition, healthy, permission } = question
    const record: CheckRecord = {
      ...pairOf(question.pair),
      permission: PERMISSIONS[permission] ?? PERMISSIONS[0],
      number: ++this.#questions,
      replica: replica.id,
      rate: replica.process.rate,
      minPosition,
      startedAtMs: timeline.nowMs,
      started: timeline.next(),
      healthy,
      ended: undefined,
    }
    recorder.checks.push(record)
    const least = minPosition === undefined ? '' : ` from ${minPosition} on`
    recorder.tell(() => `check ${record.number} asks ${replica.id}: ${record.tenant} / ${record.user} ${record.permission}${least}`)
    return record
  }

  #end(record: CheckRecord, answered: unknown): void {
    const { timeline, recorder } = this.#needs
    const answer = answerOf(answered)
    if (answer === undefined) {
      recorder.fault ??= answered
      return
    }
    record.ended = { atMs: timeline.nowMs, number: timeline.next(), answer }
    recorder.tell(() => `check ${record.number}: ${'code' in answer ? answer.code : `${answer.verdict.reason} as of ${answer.position}`}`)
    recorder.count('code' in answer ? answer.code : answer.verdict.reason)
    if ('code' in answer) return
    recorder.count('answered')
    recorder.tellPosition(answer.position)
  }

  /** As src/access/administration.ts does it: the transaction, then the bell, then the wait. */
  change(replica: Replica, action: Action & { readonly kind: 'change' }): void {
    const { recorder, database } = this.#needs
    const { opened, process } = replica
    if (opened === undefined || !process.runs) return
    const { acknowledgement } = opened.freshness
    const change = changeOf(action.what, pairOf(action.pair))
    const { beforeMs, holdMs, rollsBack } = action
    replica
      .askLater<ChangeOutcome | undefined>((end) => database.change(change, { beforeMs, holdMs, rollsBack }, end))
      .then(
        async (outcome) => {
          if (outcome === undefined) return
          const { version } = outcome
          acknowledgement.announce()
          if (action.wait) await acknowledgement.effective(version.position)
          recorder.tellPosition(version.position)
          if (action.wait) recorder.acknowledge(version)
          if (action.hammer) this.#hammer(action.pair, action.wait ? undefined : version.position)
        },
        () => recorder.count('change not answered'),
      )
  }

  #leavesAfter(ms: number): AbortSignal {
    const leaves = new AbortController()
    this.#needs.timeline.after(ms, () => leaves.abort())
    return leaves.signal
  }

  #hammer(pair: number, minPosition: number | undefined): void {
    for (const replica of this.#needs.replicas())
      this.check(replica, { pair, permission: 0, minPosition, patienceMs: null, healthy: false })
  }
}

/** `undefined`: nothing that a caller may be answered. */
function answerOf(answered: unknown): Ended['answer'] | undefined {
  if (answered instanceof AppError) return { code: answered.code }
  if (answered instanceof Error || answered === undefined) return undefined
  const { policyRevision, position, ...verdict } = answered as Decision
  return { verdict, policyRevision, position }
}

function pairOf(number: number): Pair {
  return PAIRS[number % PAIRS.length] ?? PAIRS[0]
}

function changeOf(what: What, pair: Pair): Change {
  if (what.kind === 'grant') return { ...pair, ...what, role: ROLES[what.role] ?? ROLES[0] }
  if (what.kind === 'publish' || what.kind === 'activate') return { kind: what.kind, revision: REVISIONS[what.revision] ?? '' }
  return { ...pair, kind: what.kind }
}
