/** A batch from memory has for each item what that item alone would be told, whatever stands beside it. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { AccessResolver, Resolved } from '../../src/access/resolve.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { CheckQuestion, Decision } from '../../src/model/decision.ts'
import { BATCH_SUGGESTIONS_MAX } from '../../src/model/limits.ts'
import { held, POLICY, stateOf } from './log/decided.ts'

/** Who is known to memory: each with another state, some as of a position that not all questions reach. */
const KNOWN: ReadonlyMap<string, Resolved> = new Map(
  (
    [
      ['acme', 'ann', 7, [held('a-1', 'reader'), held('a-2', 'clerk')]],
      ['acme', 'bob', 9, [held('a-3', 'sender')]],
      ['acme', 'eve', 9, [held('a-4', 'reader', 'past'), held('a-5', 'sender', 'future')]],
      ['north', 'ann', 9, []],
    ] as const
  ).map(([tenant, user, position, assignments]) => [
    `${tenant} ${user}`,
    {
      value: stateOf(assignments),
      position,
      level: 'memory',
      asked: { monotonicMs: 0, wallMs: 0 },
      ends: 0,
      policy: POLICY,
      policyPosition: 1,
    },
  ]),
)

function open() {
  const counted: number[] = []
  let recalls = 0
  const resolver: AccessResolver = {
    recall(tenant, user, minPosition = 0) {
      recalls++
      const found = KNOWN.get(`${tenant} ${user}`)
      return found !== undefined && found.position >= minPosition ? found : undefined
    },
    recalled: (subjects) => void counted.push(subjects),
    resolve: () => Promise.reject(new Error('not asked')),
    isCurrent: () => false,
    requirePolicy: () => Promise.reject(new Error('not asked')),
  }
  const decisions = openDecisionPoint({
    ...{ resolver, clock: systemClock, random: systemRandom },
    access: { listHolders: () => Promise.reject(new Error('not asked')) },
    policy: { current: () => POLICY },
  })
  return { decisions, counted, recalls: () => recalls }
}

/** The hint is bounded for a batch. */
function withoutStamp(decision: Decision | Error | undefined): unknown {
  if (decision === undefined || decision instanceof Error) return { fault: decision?.message }
  const { decisionId: _, hint: __, ...rest } = decision
  return rest
}

const question: fc.Arbitrary<CheckQuestion> = fc.record(
  {
    user: fc.constantFrom('ann', 'ann', 'bob', 'eve'),
    tenant: fc.constantFrom('acme', 'acme', 'acme', 'north'),
    permission: fc.constantFrom('quote.read', 'q.r', 'quote.send', 'payout.create', 'quote.raed'),
    resource: fc.oneof(fc.record({ amount: fc.constantFrom<unknown[]>(5, 50, 'five') }), fc.constant({})),
    minPosition: fc.constantFrom(7, 8),
  },
  { requiredKeys: ['user', 'tenant', 'permission'] },
)

describe('a batch from memory', () => {
  it('has for each item what it alone would be told, or is left whole to be looked up', () => {
    fc.assert(
      fc.property(fc.array(question, { minLength: 1, maxLength: 20 }), (questions) => {
        const { decisions, counted } = open()
        const alone = questions.map((one) => {
          try {
            return decisions.recallCheck(one)
          } catch (fault) {
            return fault as Error
          }
        })
        counted.length = 0
        const batch = decisions.recallBatch(questions)
        if (alone.some((one) => one === undefined)) {
          expect([batch, counted]).toEqual([undefined, []])
          return
        }
        expect(batch?.map(withoutStamp)).toEqual(alone.map(withoutStamp))
        const ids = batch?.flatMap((one) => (one instanceof Error ? [] : one.decisionId)) ?? []
        expect(new Set(ids).size).toBe(ids.length)
        expect(counted).toEqual([new Set(questions.map(({ user, tenant }) => `${tenant} ${user}`)).size])
      }),
    )
  })

  it('looks up each subject once, though its items stand apart', () => {
    const { decisions, counted, recalls } = open()
    const questions = Array.from({ length: 100 }, (_, index) => ({
      user: index % 2 === 0 ? 'ann' : 'bob',
      tenant: 'acme',
      permission: 'quote.read',
    }))
    expect(decisions.recallBatch(questions)).toHaveLength(100)
    expect([recalls(), counted]).toEqual([2, [2]])
  })

  it('says "did you mean" for as many items as may have it, though they ask the same', () => {
    const { decisions } = open()
    const questions = Array.from({ length: 2 * BATCH_SUGGESTIONS_MAX }, () => ({ user: 'ann', tenant: 'acme', permission: 'quote.raed' }))
    const hints = decisions.recallBatch(questions)?.map((one) => (one as Decision).hint)
    expect(hints?.filter((hint) => hint === 'did you mean "quote.read"?')).toHaveLength(BATCH_SUGGESTIONS_MAX)
  })
})
