/** A local answer is the service's: over random policies, people, windows and resources, against the service's own decision point. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { BEFORE_ALL } from '../../../src/access/moment.ts'
import { InvalidRequestError } from '../../../src/client/errors.ts'
import { readLocalOptions } from '../../../src/client/local/local-options.ts'
import { openLocal } from '../../../src/client/local/open-local.ts'
import type { AccessListener, AccessWire } from '../../../src/client/wires/access-wire.ts'
import { parseDecision } from '../../../src/client/wires/answers.ts'
import { openDecisionPoint } from '../../../src/decision/decision-point.ts'
import { decisionMessage } from '../../../src/decision/translate/decision-answers.ts'
import { httpForm } from '../../../src/decision/translate/wire-form.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { AccessState } from '../../../src/model/access-state.ts'
import { canonicalBundle, canonicalText, revisionOf } from '../../../src/policy/canonical.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { randomPolicy, readPolicy } from '../../decision/random-policy.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const NOW_MS = 10_000
const attributes = fc.constantFrom<Record<string, unknown>>({}, { one: 'x', many: ['x', 'y'] }, { one: 5, deep: { many: ['t'] } })
const window = fc.constantFrom(
  { validFromMs: 0, expiresAtMs: null },
  { validFromMs: 0, expiresAtMs: NOW_MS },
  { validFromMs: NOW_MS, expiresAtMs: 5_000_000 },
  { validFromMs: 4_000_000, expiresAtMs: 5_000_000 },
  { validFromMs: 0, expiresAtMs: 6_000_000 },
)
const state = fc
  .record({
    tenant: fc.option(fc.record({ suspended: fc.constantFrom(false, false, false, true), attributes }), { nil: undefined, freq: 9 }),
    user: fc.option(fc.record({ deactivated: fc.constantFrom(false, false, false, true), attributes, epoch: fc.nat(3) }), {
      nil: undefined,
      freq: 9,
    }),
    held: fc.array(fc.tuple(fc.constantFrom('r0', 'r1', 'r2', 'true', 'gone'), window), { maxLength: 4 }),
  })
  .map(({ tenant, user, held }): AccessState => {
    const assignments = held.map(([role, times], index) => ({ id: `${index}`, role, ...times }))
    return { position: 1, policyPosition: 1, readAtMs: NOW_MS, tenant, user, assignments }
  })
const question = fc.record({
  permission: fc.constantFrom('a.p0', 'a.p1', 'a.p2', 'a.p3', 'c.0', 'c.4', 'a.pp0', 'nothing.like.it'),
  resource: fc.constantFrom(undefined, {}, { by: 'x' }, { by: 'ann', n: 4, tags: ['t'] }, { by: 't', n: 1 }, { by: 7 }, { id: null }),
})

describe('a local answer', () => {
  it('is that of the service, but for the id of a decision', async () => {
    await fc.assert(
      fc.asyncProperty(randomPolicy, state, fc.array(question, { minLength: 1, maxLength: 8 }), async (drawn, held, questions) => {
        const { bundle } = readPolicy(drawn)
        if (bundle === undefined) return
        const content = canonicalText(canonicalBundle(bundle))
        const policy = compilePolicy(bundle)
        const found = { value: held, position: 1, level: 'store' as const, asked: BEFORE_ALL, ends: 0 }
        const clock = new ManualClock()
        const never = async () => {
          throw new Error('not asked for')
        }
        const point = openDecisionPoint({
          resolver: { resolve: async () => ({ ...found, policy }), isCurrent: () => true, requirePolicy: async () => undefined },
          access: { listHolders: never },
          policy: { current: () => policy },
          clock,
          random: systemRandom,
        } as unknown as Parameters<typeof openDecisionPoint>[0])
        const wrong = new InvalidRequestError('', { code: 'request_invalid' })
        const local = openLocal({
          service: {
            check: async () => {
              throw wrong
            },
            checkAll: never,
            listPermissions: never,
            close: async () => undefined,
          },
          wire: wireOf(held, content, clock),
          plan: readLocalOptions({ highRisk: 'local' }),
          deadlineMs: 500,
          clock,
          random: systemRandom,
        })
        await clock.pass(10)
        const pair = { user: 'ann', tenant: 't' }
        // Twice, so that what is remembered is asked as well.
        for (const asked of [...questions, ...questions]) {
          const whole = { ...pair, permission: asked.permission, ...(asked.resource === undefined ? {} : { resource: asked.resource }) }
          const served = await point.check(whole, new AbortController().signal).catch(() => undefined)
          const answer = await local.check(whole).catch((fault: unknown) => fault)
          if (served === undefined) expect(answer).toBe(wrong)
          else {
            const { decisionId: _, ...told } = parseDecision(decisionMessage(served, httpForm), JSON_FORM)
            expect(answer).toEqual(told)
          }
        }
        const { permissions, denied } = await point.listPermissions('ann', 't', new AbortController().signal)
        const list = await local.listPermissions(pair)
        expect({ permissions: list.permissions, denied: list.denied }).toEqual({ permissions, denied })
        await local.close()
      }),
      { numRuns: 150 },
    )
  })
})

const JSON_FORM = { leavesOutDefaults: false, instantMs: (value: unknown) => Date.parse(String(value)) }

function wireOf(held: AccessState, content: string, clock: ManualClock): AccessWire {
  const revision = revisionOf(content)
  return {
    loadAccess: async () => ({ incarnation: 'one', state: held, policyRevision: revision }),
    loadPolicy: async () => content,
    watch: (_from, listener: AccessListener) => {
      clock.after(1, () =>
        listener.event({
          kind: 'opened',
          incarnation: 'one',
          position: 1,
          resumed: false,
          callerDigest: 'c',
          policy: { revision, position: 1 },
        }),
      )
      return {
        beat: (beat) =>
          void clock.after(1, () =>
            listener.event({ kind: 'heartbeat', beat, position: 1, ageMs: 0, fresh: true, databaseBeforeMs: NOW_MS + 1 }),
          ),
        end: () => undefined,
      }
    },
  }
}
