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

describe('a question answered from memory', () => {
  function openWarm() {
    const clock = new ManualClock()
    const knowledge = new Knowledge(100, clock)
    const compiled = compilePolicy(bundleOf({ coder: ['stay.read'] }))
    const force = { position: 1 }
    const levels: string[] = []
    const roles: Readonly<Record<string, string>> = { 'ann@north': 'coder' }
    const policy = {
      get position() {
        return force.position
      },
      current: () => compiled,
    }
    const decisions = openDecisionPoint({
      resolver: openAccessResolver({
        access: {
          resolve: async (tenant, user) => {
            const role = roles[`${user}@${tenant}`]
            const assignments = role === undefined ? [] : [{ id: role, role, validFromMs: 0, expiresAtMs: null }]
            return {
              position: 10,
              policyPosition: 1,
              readAtMs: 5_000,
              tenant: { suspended: false, attributes: {} },
              user: { deactivated: false, attributes: {}, epoch: 0 },
              assignments,
            }
          },
        },
        memory: openStateMemory({ entriesMax: 10_000, bytesMax: 10_000_000 }),
        shared: undefined,
        knowledge,
        policy,
        catchUp: async () => undefined,
        clock,
        holds,
        observe: { answered: (level) => levels.push(level), outdated: () => undefined, refused: () => undefined },
      }),
      access: { listHolders: () => Promise.reject(new Error('not asked')) },
      policy,
      clock,
      random: systemRandom,
    })
    knowledge.restart('one', 1)
    knowledge.reach(10)
    knowledge.catchUp({ sent: momentOf(clock), atMs: 5_000 })
    const ask = (user: string, tenant = 'north') => ({ user, tenant, permission: 'stay.read' })
    const warm = async (...questions: ReturnType<typeof ask>[]) => {
      for (const question of questions) await decisions.check(question, NEVER)
      await settle()
      levels.length = 0
    }
    return { decisions, ask, warm, levels, force }
  }

  it('is one read for each subject, once the answer stands: warm, cold and mixed', async () => {
    const { decisions, ask, warm, levels } = openWarm()
    const users = Array.from({ length: 99 }, (_, number) => ask(`user-${number}`))
    await warm(...users)
    expect(decisions.recallCheck(ask('user-0'))).toBeDefined()
    expect(decisions.recallPermissions({ user: 'user-0', tenant: 'north', permissions: ['stay.read'] })).toBeDefined()
    expect(decisions.recallBatch([ask('user-0'), ask('user-1'), ask('user-0'), ask('user-0')])).toHaveLength(4)
    expect(levels).toEqual(['memory', 'memory', 'memory', 'memory'])
    levels.length = 0
    const mixed = [...users, ask('cold')]
    expect(decisions.recallCheck(ask('cold'))).toBeUndefined()
    expect(decisions.recallBatch(mixed)).toBeUndefined()
    expect(levels).toEqual([])
    await decisions.checkBatch(mixed, NEVER)
    expect([levels.filter((level) => level === 'memory').length, levels.filter((level) => level === 'store').length]).toEqual([99, 1])
  })

  it('is not answered by rows of one version under the policy of another', async () => {
    const { decisions, ask, warm, force, levels } = openWarm()
    await warm(ask('ann'))
    expect(decisions.recallCheck(ask('ann'))).toMatchObject({ allowed: true })
    levels.length = 0
    for (const position of [0, 11]) {
      force.position = position
      // What was activated since is of the rows' own version where nothing touched them.
      const isOfOneVersion = position === 11
      expect(decisions.recallCheck(ask('ann')) !== undefined).toBe(isOfOneVersion)
      expect(decisions.recallPermissions({ user: 'ann', tenant: 'north', permissions: ['stay.read'] }) !== undefined).toBe(isOfOneVersion)
      expect(decisions.recallBatch([ask('ann')]) !== undefined).toBe(isOfOneVersion)
    }
  })

  it('is not answered as of a position before the one that was asked for', async () => {
    const { decisions, ask, warm } = openWarm()
    await warm(ask('ann'))
    const permissions = { user: 'ann', tenant: 'north', permissions: ['stay.read'] }
    expect(decisions.recallCheck({ ...ask('ann'), minPosition: 10 })).toMatchObject({ position: 10 })
    expect(decisions.recallCheck({ ...ask('ann'), minPosition: 11 })).toBeUndefined()
    expect(decisions.recallPermissions({ ...permissions, minPosition: 10 })).toMatchObject({ position: 10 })
    expect(decisions.recallPermissions({ ...permissions, minPosition: 11 })).toBeUndefined()
    expect(decisions.recallBatch([ask('ann'), { ...ask('ann'), minPosition: 11 }])).toBeUndefined()
  })

  it('is answered by the state of its own tenant and its own user, whoever stands beside it in the batch', async () => {
    const { decisions, ask, warm } = openWarm()
    const questions = [ask('ann', 'north'), ask('ann', 'south'), ask('ann', 'north'), ask('bob', 'north')]
    await warm(...questions)
    expect(decisions.recallBatch(questions)?.map((answer) => (answer as Decision).allowed)).toEqual([true, false, true, false])
  })
})
