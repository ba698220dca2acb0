import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { CallerDeniedError, UnauthenticatedError, UnavailableError } from '../../../src/client/errors.ts'
import { LOCAL_TENANT_BYTES, LOCAL_VERDICT_BYTES, LOCAL_VIA_BYTES } from '../../../src/client/limits.ts'
import { type LocalOptions, readLocalOptions } from '../../../src/client/local/local-options.ts'
import { type LocalAsker, openLocal } from '../../../src/client/local/open-local.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { AccessWorld, PERMISSION, RISKY, TENANT } from './access-world.ts'

const ANN = { user: 'ann', tenant: TENANT, permission: PERMISSION }

let world: AccessWorld
let local: LocalAsker
beforeEach(() => {
  world = new AccessWorld()
})
afterEach(async () => {
  await local.close()
})

async function open(options: true | LocalOptions = true, deadlineMs = 500): Promise<void> {
  const { service, wire, clock } = world
  local = openLocal({ service, wire, plan: readLocalOptions(options), deadlineMs, clock, random: systemRandom })
  await pass(100)
}

/** Replicas read the feed every 200 ms. */
async function pass(ms: number, polled = true): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    if (polled) world.pollAll()
    await world.clock.pass(Math.min(left, 100))
  }
}

async function check(question = ANN, options?: object) {
  const answer = local.check(question, options)
  await world.clock.pass(50)
  return await answer
}

describe('a client with local checks', () => {
  it('answers from memory what it has loaded once, with what the service would say', async () => {
    await open()
    const first = await check()
    expect(first).toEqual({ ...world.decisionOf('ann'), decisionId: undefined, position: world.head })
    expect(first).not.toHaveProperty('decisionId')
    expect(local.peek(ANN)).toEqual(first)
    expect(world.loads).toBe(1)
    expect(local.status()).toMatchObject({ state: 'fresh', position: world.head, entries: 1, asked: 0, decided: 2 })
  })

  it('asks the service before its stream stands, and while nothing is heard of it', async () => {
    world.frozen = true
    await open()
    expect(local.status()).toMatchObject({ state: 'asking', position: undefined })
    expect(await check()).toHaveProperty('decisionId')
    world.thaw()
    await pass(200)
    await check()
    expect(local.peek(ANN)).toBeDefined()
    world.frozen = true
    await pass(2_200)
    expect(local.peek(ANN)).toBeUndefined()
    expect(await check()).toHaveProperty('decisionId')
  })

  it('never takes an old echo for a fresh one: its age counts from when it was asked for', async () => {
    await open()
    await check()
    world.frozen = true
    await pass(2_500)
    // All heartbeats of the last seconds arrive at once, those of before the bound first.
    world.change('ann')
    world.delayMs = 100
    world.thaw()
    await world.clock.pass(1)
    expect(local.status().ageMs).toBeGreaterThan(0)
    await pass(1_000)
    expect(local.status().state).toBe('fresh')
    expect(local.peek(ANN)).toBeUndefined()
  })

  it('does not count a heartbeat of a replica that knows no more itself', async () => {
    await open()
    await check()
    await pass(2_300, false)
    expect(local.status().state).not.toBe('fresh')
    expect(local.peek(ANN)).toBeUndefined()
  })

  it('forgets a user at the first word of a change, and loads again', async () => {
    await open()
    await check()
    world.change('ann')
    world.pollAll()
    await world.clock.pass(2)
    expect(local.peek(ANN)).toBeUndefined()
    const next = await check()
    expect(next.validUntil).toEqual(world.decisionOf('ann').validUntil)
    expect(next).not.toHaveProperty('decisionId')
  })

  it('does not keep what was loaded before a change that it was told of first', async () => {
    await open()
    world.delayMs = 40
    const slow = local.check(ANN)
    await world.clock.pass(60)
    world.delayMs = 1
    world.change('ann')
    world.pollAll()
    await world.clock.pass(100)
    await slow
    expect(local.peek(ANN)).toBeUndefined()
  })

  it('decides by a new policy as soon as it has it, and meanwhile by none that is older than what it knows', async () => {
    await open()
    await check()
    world.activate()
    world.policiesFail = true
    await pass(300)
    const meanwhile = local.peek(ANN)
    expect(meanwhile?.position ?? world.head - 1).toBe(world.head - 1)
    await pass(2_200)
    expect(local.peek(ANN)).toBeUndefined()
    world.policiesFail = false
    await pass(6_000)
    expect(local.peek(ANN) ?? (await check())).toMatchObject({ policyRevision: world.decisionOf('ann').policyRevision })
    expect(local.peek(ANN)).toBeDefined()
  })

  it.each(['loading fails', 'the line breaks meanwhile'])(
    'begins anew when it has no policy yet and %s, and is not fresh without one',
    async (how) => {
      if (how === 'loading fails') world.policiesFail = true
      else world.delayMs = 40
      const opening = open()
      await world.clock.pass(100)
      if (how !== 'loading fails') {
        // Told where it is and by which policy, which is on its way.
        expect(local.status()).toMatchObject({ position: world.head, policyRevision: undefined })
        world.cut()
        world.delayMs = 1
      }
      await opening
      expect(local.status().state).not.toBe('fresh')
      world.policiesFail = false
      await pass(2_000)
      expect(local.status().state).toBe('fresh')
      await check()
      expect(local.peek(ANN)).toBeDefined()
    },
  )

  it('is not fresh while no policy is in force anywhere', async () => {
    world.commits = []
    world.change('ann')
    await open()
    await pass(2_000)
    expect(local.status()).toMatchObject({ state: 'catching-up', position: 1, policyRevision: undefined })
    expect(await check()).toHaveProperty('decisionId')
  })

  it('goes on from its position after a cut, with what it holds', async () => {
    await open()
    await check()
    const known = world.head
    world.cut()
    world.change('bob')
    await pass(600)
    expect(world.opened).toEqual([undefined, { incarnation: 'one', position: known, callerDigest: world.callerDigest }])
    expect(local.peek(ANN)).toMatchObject({ position: world.head })
    expect(world.loads).toBe(1)
  })

  it.each([
    ['unknown', new UnauthenticatedError('', { code: 'unauthenticated' })],
    ['refused', new CallerDeniedError('', { code: 'permission_denied' })],
  ])('forgets all when its caller is %s', async (_, refusal) => {
    await open()
    await check()
    world.refusal = refusal
    world.cut()
    // At once: the service would refuse this question.
    expect(local.peek(ANN)).toBeUndefined()
    expect(local.status()).toMatchObject({ state: 'asking', entries: 0 })
    await pass(1_000)
    world.refusal = undefined
    await pass(10_000)
    expect(world.opened.slice(1).every((from) => from === undefined)).toBe(true)
    expect(local.status()).toMatchObject({ state: 'fresh', entries: 0 })
  })

  it('forgets all when a load is refused in a tenant that it holds, and nothing for one that it never saw', async () => {
    await open()
    await check()
    world.faultOf.set('bob', new CallerDeniedError('', { code: 'permission_denied' }))
    await check({ ...ANN, tenant: 'elsewhere', user: 'bob' })
    expect(local.peek(ANN)).toBeDefined()
    await check({ ...ANN, user: 'bob' })
    expect(local.peek(ANN)).toBeUndefined()
    expect(local.status()).toMatchObject({ state: 'asking', entries: 0 })
    await pass(1_000)
    await check()
    world.faultOf.set('bob', new UnauthenticatedError('', { code: 'unauthenticated' }))
    await check({ ...ANN, tenant: 'elsewhere', user: 'bob' })
    expect(local.peek(ANN)).toBeUndefined()
  })

  it('forgets all when the service knows it by another caller, or with other tenants, than it began with', async () => {
    await open()
    await check()
    world.callerDigest = 'some tenants'
    world.cut()
    await pass(600)
    expect(local.status()).toMatchObject({ state: 'fresh', entries: 0 })
  })

  it('forgets all when the database is another one', async () => {
    await open()
    await check()
    world.incarnation = 'two'
    world.cut()
    await pass(600)
    expect(local.status()).toMatchObject({ state: 'fresh', entries: 0 })
    expect(local.peek(ANN)).toBeUndefined()
    expect(await check()).not.toHaveProperty('decisionId')
  })

  it('does not keep what was loaded from another database than it follows', async () => {
    await open()
    world.incarnation = 'two'
    expect(await check()).toHaveProperty('decisionId')
    expect(local.status().entries).toBe(0)
  })

  it('finds that the database went back, although nobody says so', async () => {
    await open()
    world.change('ann')
    await pass(200)
    await check()
    world.restore(1)
    await pass(1_200)
    // As far as it was before, and told only from there on.
    world.change('bob')
    world.change('bob')
    await pass(1_000)
    expect(world.opened.at(-1)).toBeUndefined()
    expect(world.versionOf(await check())).toBe(0)
  })

  it('keeps nothing that was asked for before it began anew', async () => {
    await open(true, 20_000)
    world.change('ann')
    world.change('ann')
    await pass(200)
    world.loadMs = 3_000
    const slow = local.check(ANN)
    await pass(100)
    world.restore(1)
    await pass(3_200)
    await slow
    world.change('bob')
    world.change('bob')
    await pass(500)
    expect(local.status()).toMatchObject({ state: 'fresh', position: 3 })
    expect(local.peek(ANN)).toBeUndefined()
  })

  it('is not made fresh by echoes that are all late', async () => {
    await open()
    await check()
    world.delayMs = 1_100
    for (let ms = 0; ms < 4_500; ms += 100) {
      await pass(100)
      // The first to come back late were asked for when nothing was.
      if (ms > 2_400) expect(local.status().state).not.toBe('fresh')
    }
  })

  it('does not trust what it knew before the machine was suspended', async () => {
    await open()
    await check()
    expect(local.peek(ANN)).toBeDefined()
    world.clock.suspend(60_000)
    expect(local.peek(ANN)).toBeUndefined()
    await pass(600)
    expect(local.status().state).toBe('fresh')
  })

  it('leaves high risk, what it is told to, tokens and later positions to the service', async () => {
    await open({ alwaysAsk: ['c.2'] })
    await check()
    for (const permission of [RISKY, 'a.p2', 'c.2']) expect(await check({ ...ANN, permission })).toHaveProperty('decisionId')
    expect(await check({ accessToken: 'x', permission: PERMISSION } as never)).toHaveProperty('decisionId')
    expect(await check(ANN, { minPosition: world.head + 1 })).toHaveProperty('decisionId')
    expect(await check(ANN, { minPosition: world.head })).not.toHaveProperty('decisionId')
    await local.close()
    await open({ highRisk: 'local' })
    expect(await check({ ...ANN, permission: RISKY })).not.toHaveProperty('decisionId')
  })

  it('leaves a resource of a wrong type to the service, whose error is the error', async () => {
    await open()
    await check()
    expect(local.peek({ ...ANN, resource: { by: 7 } })).toBeUndefined()
    expect(local.peek({ ...ANN, resource: { by: 'ann' } })).toBeDefined()
  })

  it('asks the service when loading fails or takes half of the time, and pauses with loading', async () => {
    await open()
    world.loadsFail = true
    expect(await check()).toHaveProperty('decisionId')
    expect(await check()).toHaveProperty('decisionId')
    expect(world.loads).toBe(1)
    world.loadsFail = false
    await pass(1_100)
    world.delayMs = 300
    const answer = local.check(ANN)
    await world.clock.pass(260)
    expect(await answer).toHaveProperty('decisionId')
  })

  it('goes on loading when what came of one pair is no state, or not of the position asked for', async () => {
    await open()
    for (const code of ['bad_answer', 'position_not_reached', 'internal']) {
      world.faultOf.set('bob', new UnavailableError('', { code }))
      expect(await check({ ...ANN, user: 'bob' })).toHaveProperty('decisionId')
      expect(await check({ ...ANN, user: `after ${code}` })).not.toHaveProperty('decisionId')
    }
    for (const code of ['unreachable', 'deadline_exceeded', 'overloaded']) {
      world.faultOf.set('bob', new UnavailableError('', { code }))
      await check({ ...ANN, user: 'bob' })
      expect(await check({ ...ANN, user: `after ${code}` })).toHaveProperty('decisionId')
      await pass(1_100)
    }
  })

  it('counts the bytes of tenants, and of what it remembers of each role', async () => {
    await open()
    const bytesOf = async (question: typeof ANN) => {
      const before = local.status().bytes
      await check(question)
      return local.status().bytes - before
    }
    const short = await bytesOf(ANN)
    expect(await bytesOf({ ...ANN, tenant: 'T'.repeat(256) })).toBe(short + 2 * 255)
    const same = await bytesOf({ ...ANN, user: 'bob' })
    expect(short - same).toBe(LOCAL_TENANT_BYTES + 2)
    // A deny by no role, and an allow by one.
    expect(await bytesOf({ ...ANN, permission: 'a.p2' })).toBe(LOCAL_VERDICT_BYTES)
    await local.close()
    await open({ highRisk: 'local' })
    await check()
    expect(await bytesOf({ ...ANN, permission: RISKY })).toBe(LOCAL_VERDICT_BYTES + LOCAL_VIA_BYTES)
  })

  it('loads a pair once for all who ask at once', async () => {
    await open()
    const answers = Promise.all([local.check(ANN), local.check(ANN), local.checkAll([ANN, { ...ANN, user: 'bob' }, ANN])])
    await world.clock.pass(50)
    await answers
    expect(world.loads).toBe(2)
    expect(world.asked).toBe(0)
  })

  it('keeps within its bounds', async () => {
    await open({ entriesMax: 10 })
    for (let number = 0; number < 40; number++) await check({ ...ANN, user: `user-${number}` })
    expect(local.status().entries).toBeLessThanOrEqual(10)
    expect(local.status().entries).toBeGreaterThanOrEqual(5)
  })

  it('lists what is held from memory as well', async () => {
    await open({ highRisk: 'local' })
    await check()
    const list = await local.listPermissions({ user: 'ann', tenant: TENANT })
    expect(list.permissions.map(({ permission }) => permission)).toEqual([PERMISSION, RISKY])
    expect(world.asked).toBe(0)
  })

  it('opens another stream when one is silent, ever more seldom while that fails', async () => {
    await open()
    world.frozen = true
    await pass(20_000)
    const opened = world.opened.length
    expect(opened).toBeGreaterThan(2)
    expect(opened).toBeLessThan(8)
    world.frozen = false
    world.thaw()
    await pass(12_000)
    expect(local.status().state).toBe('fresh')
  })

  it('answers nothing from memory once it is closed', async () => {
    await open()
    await check()
    await local.close()
    expect(local.peek(ANN)).toBeUndefined()
    await world.clock.pass(10_000)
    expect(world.clock.waiting).toBe(0)
  })
})

describe('options of local checks', () => {
  it('are refused by name', () => {
    for (const [options, named] of [
      [{ staleMs: 100 }, 'local.staleMs'],
      [{ staleMs: 60_000 }, 'local.staleMs'],
      [{ entriesMax: 0 }, 'local.entriesMax'],
      [{ bytesMax: 1 }, 'local.bytesMax'],
      [{ highRisk: 'never' }, 'local.highRisk'],
      [{ alwaysAsk: 'a.p0' }, 'local.alwaysAsk'],
      [{ stale: 1 }, 'local.stale'],
    ] as const)
      expect(() => readLocalOptions(options as never)).toThrow(new RegExp(`^${named.replace('.', '\\.')} `))
  })
})
