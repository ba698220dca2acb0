import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { holds } from '../../src/access/fresh-reader.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import { momentOf } from '../../src/access/moment.ts'
import { openAccessResolver } from '../../src/access/resolve.ts'
import { openStateMemory } from '../../src/cache/state-memory.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { systemRandom } from '../../src/ground/random.ts'
import type { AccessState } from '../../src/model/access-state.ts'
import type { Decision } from '../../src/model/decision.ts'
import { BATCH_SUGGESTIONS_MAX } from '../../src/model/limits.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { bundleOf, type House, NEVER, openHouse } from '../support/house.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

describe('the decision point', () => {
  let house: House
  beforeAll(async () => {
    house = await openHouse(bundleOf({ coder: ['stay.read', 'stay.write'] }))
    await house.administration.grant(house.context, { user: 'ann', tenant: 'north', role: 'coder' })
  })
  afterAll(() => house.close())

  it('says "did you mean" for one unknown name, and for only a few of a batch: each is a search through all names', async () => {
    expect(await house.check('ann', 'north', 'stay.raed')).toMatchObject({
      reason: 'UNKNOWN_PERMISSION',
      hint: 'did you mean "stay.read"?',
    })
    const questions = Array.from({ length: 3 * BATCH_SUGGESTIONS_MAX }, (_, index) => ({
      user: 'ann',
      tenant: 'north',
      permission: index % 2 === 0 ? 'stay.raed' : 'stay.wriet',
    }))
    const answers = (await house.decisions.checkBatch(questions, NEVER)) as readonly Decision[]
    expect(answers.every((answer) => answer.reason === 'UNKNOWN_PERMISSION')).toBe(true)
    expect(answers.filter((answer) => answer.hint !== undefined)).toHaveLength(BATCH_SUGGESTIONS_MAX)
  })

  it('uses one bundle for a whole batch', async () => {
    const answers = (await house.decisions.checkBatch(
      Array.from({ length: 50 }, (_, index) => ({ user: `user-${index}`, tenant: 'north', permission: 'stay.read' })),
      NEVER,
    )) as readonly Decision[]
    expect(new Set(answers.map((answer) => answer.policyRevision)).size).toBe(1)
  })

  it('begins no work for a caller that has gone', async () => {
    const gone = AbortSignal.abort()
    await expect(house.decisions.check({ user: 'ann', tenant: 'north', permission: 'stay.read' }, gone)).rejects.toMatchObject({
      code: 'cancelled',
    })
    const late = AbortSignal.timeout(0)
    await new Promise((resolve) => late.addEventListener('abort', resolve))
    await expect(house.decisions.checkBatch([{ user: 'ann', tenant: 'north', permission: 'stay.read' }], late)).rejects.toMatchObject({
      code: 'deadline_exceeded',
    })
  })
})

describe('a batch of which one pair takes long', () => {
  const clock = new ManualClock()
  const knowledge = new Knowledge(100, clock)
  const policy = compilePolicy(bundleOf({ coder: ['stay.read'] }))
  const loads = new Map<string, ((state: AccessState) => void)[]>()
  const decisions = openDecisionPoint({
    resolver: openAccessResolver({
      access: { resolve: (_, user) => new Promise((resolve) => loads.set(user, [...(loads.get(user) ?? []), resolve])) },
      memory: openStateMemory({ entriesMax: 10, bytesMax: 100_000 }),
      shared: undefined,
      knowledge,
      policy: { position: 1, current: () => policy },
      catchUp: async () => undefined,
      clock,
      holds,
      observe: { answered: () => undefined, outdated: () => undefined, refused: () => undefined },
    }),
    access: { listHolders: () => Promise.reject(new Error('not asked')) },
    policy: { current: () => policy },
    clock,
    random: systemRandom,
  })
  const state = (position: number, roles: readonly string[]): AccessState => ({
    position,
    policyPosition: 1,
    readAtMs: 5_000,
    tenant: { suspended: false, attributes: {} },
    user: { deactivated: false, attributes: {}, epoch: 0 },
    assignments: roles.map((role) => ({ id: role, role, validFromMs: 0, expiresAtMs: null })),
  })
  const read = (position: number) => {
    knowledge.reach(position)
    knowledge.catchUp({ sent: momentOf(clock), atMs: 5_000 })
  }

  it('answers nothing by what was revoked while the rest of it was read', async () => {
    knowledge.restart('one', 1)
    read(10)
    const answers = decisions.checkBatch(
      ['ann', 'bob'].map((user) => ({ user, tenant: 'north', permission: 'stay.read' })),
      NEVER,
    ) as Promise<readonly Decision[]>
    await settle()
    loads.get('ann')?.[0]?.(state(10, ['coder']))
    await settle()
    for (let half = 0; half < 6; half++) {
      await clock.pass(500)
      read(10)
    }
    knowledge.note({ kind: 'assignment', tenant: 'north', user: 'ann', position: 11, atMs: 0 })
    read(11)
    loads.get('bob')?.[0]?.(state(11, ['coder']))
    await settle()
    loads.get('ann')?.[1]?.(state(11, []))
    expect((await answers).map(({ allowed, position }) => [allowed, position])).toEqual([
      [false, 11],
      [true, 11],
    ])
  })
})
