/** What was loaded for a question is looked at again when it is answered: time has passed meanwhile, and with it changes, activations and restores. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Decision } from '../../../src/client/client.ts'
import { type LocalOptions, readLocalOptions } from '../../../src/client/local/local-options.ts'
import { type LocalAsker, openLocal } from '../../../src/client/local/open-local.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { AccessWorld, PERMISSION, REVISIONS, TENANT } from './access-world.ts'

const ANN = { user: 'ann', tenant: TENANT, permission: PERMISSION }
const BOB = { ...ANN, user: 'bob' }

let world: AccessWorld
let local: LocalAsker
beforeEach(() => {
  world = new AccessWorld(2)
})
afterEach(async () => {
  await local.close()
})

async function open(options: true | LocalOptions = true, deadlineMs = 500): Promise<void> {
  const { service, wire, clock } = world
  local = openLocal({ service, wire, plan: readLocalOptions(options), deadlineMs, clock, random: systemRandom })
  await pass(100)
}

async function pass(ms: number, poll = () => world.pollAll()): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    poll()
    await world.clock.pass(Math.min(left, 100))
  }
}

async function checkAll(questions: readonly (typeof ANN)[], options?: object): Promise<readonly Decision[]> {
  const answers = local.checkAll(questions, options)
  await pass(100)
  return (await answers) as readonly Decision[]
}

/** The stream is of replica 1. */
const STREAM = 1
const BEHIND = 0

describe('an answer from what was just loaded', () => {
  it.each([false, true])('is of the position that was asked for, whichever replica loads it (which looks at none: %s)', async (ignores) => {
    await open()
    world.ignoresMinPosition = ignores
    world.loadFrom = BEHIND
    await pass(200)
    world.change('cid')
    const minPosition = world.head
    await pass(300, () => world.poll(STREAM))
    expect(local.status().position).toBe(minPosition)
    const answer = local.check(ANN, { minPosition })
    await pass(100, () => world.poll(STREAM))
    const one = await answer
    const all = local.checkAll([BOB], { minPosition })
    await pass(100, () => world.poll(STREAM))
    for (const decision of [one, ...((await all) as Decision[])]) expect(decision.position).toBeGreaterThanOrEqual(minPosition)
  })

  it('never shows what was before a change that is known here, whichever replica loads it', async () => {
    await open()
    world.loadFrom = BEHIND
    await pass(200)
    world.change('ann')
    await pass(300, () => world.poll(STREAM))
    for (const ask of [() => local.check(ANN), async () => (await local.checkAll([ANN]))[0] as Decision]) {
      const answer = ask()
      await pass(100, () => world.poll(STREAM))
      expect(world.versionOf(await answer)).toBe(1)
    }
  })

  it('is not older than its bound, nor overtaken, when others of the same call took long to load', async () => {
    await open(true, 30_000)
    world.loadMsOf.set('bob', 8_000)
    const answers = local.checkAll([ANN, BOB])
    await pass(500)
    world.change('ann')
    await pass(9_000)
    expect(world.versionOf((await answers)[0] as Decision)).toBe(1)
  })

  it('is not of longer ago than the bound, nor of before the position asked for, once nobody tells of changes any more', async () => {
    await open({ staleMs: 200 }, 2_000)
    await pass(800, () => undefined)
    const known = local.status().position
    expect(local.status().state).toBe('fresh')
    world.loadMs = 600
    const late = local.check(ANN)
    await world.clock.pass(100)
    world.change('ann')
    await world.clock.pass(600)
    expect(local.status()).toMatchObject({ position: known, state: 'catching-up' })
    expect(world.versionOf(await late)).toBe(1)
  })

  it('is of the position that was asked for also when it cannot be looked at from memory any more', async () => {
    await open({ staleMs: 1_000 }, 2_000)
    world.ignoresMinPosition = true
    world.loadFrom = BEHIND
    await pass(300)
    world.change('cid')
    const minPosition = world.head
    world.poll(STREAM)
    await world.clock.pass(300)
    await pass(400, () => undefined)
    world.poll(BEHIND)
    const replica = world.replicas[BEHIND]
    if (replica !== undefined) replica.known = minPosition - 1
    world.loadMs = 700
    await pass(900, () => undefined)
    const late = local.check(ANN, { minPosition })
    await pass(800, () => undefined)
    expect(local.status().state).toBe('catching-up')
    expect((await late).position).toBeGreaterThanOrEqual(minPosition)
  })

  it('is not of a database that is gone, when others of the same call took long to load', async () => {
    await open({ staleMs: 10_000 }, 30_000)
    world.loadMsOf.set('bob', 4_000)
    const answers = local.checkAll([ANN, BOB])
    await pass(500)
    world.incarnation = 'two'
    world.cut()
    await pass(4_000)
    for (const decision of await answers) expect(decision).toHaveProperty('decisionId')
  })

  it('is not from beyond the end of a window that was open when it was loaded', async () => {
    await open({ staleMs: 10_000 }, 30_000)
    const nowMs = world.clock.nowMs()
    world.windowOf.set('ann', { validFromMs: 0, expiresAtMs: nowMs + 2_500 })
    world.loadMsOf.set('bob', 4_000)
    const answers = local.checkAll([ANN, BOB])
    await pass(5_000)
    expect((await answers)[0]).toHaveProperty('decisionId')
  })

  it('is left to the service when an activation meanwhile made its permission one that is always asked', async () => {
    await open({}, 2_000)
    world.loadMs = 300
    const answers = [local.check(ANN), local.checkAll([BOB]).then(([only]) => only as Decision)]
    world.activate(REVISIONS[2])
    world.pollAll()
    await pass(600)
    for (const answer of answers) expect(await answer).toHaveProperty('decisionId')
  })
})

describe('checkAll', () => {
  it('answers nothing that was overtaken while the service was asked for the rest', async () => {
    await open({ alwaysAsk: ['a.p2'] }, 20_000)
    await checkAll([ANN])
    world.batchMs = 3_000
    const answers = local.checkAll([ANN, { ...ANN, permission: 'a.p2' }, BOB])
    await pass(1_000)
    world.change('ann')
    await pass(8_000)
    expect(world.versionOf((await answers)[0] as Decision)).toBe(1)
    // The rest, and then all that was decided here.
    expect(world.asked).toBe(3)
  })

  it('asks the service once for what is not at hand, and counts who decided what', async () => {
    await open({ alwaysAsk: ['a.p2'] })
    const results = await checkAll([ANN, { ...ANN, permission: 'a.p2' }, BOB, ANN])
    expect(results.map(({ decisionId }) => decisionId)).toEqual([undefined, 'of the service', undefined, undefined])
    expect(local.status()).toMatchObject({ asked: 1, decided: 3 })
  })
})

describe('a list', () => {
  it('is the service’s when it would hold a permission that is always asked', async () => {
    await open()
    for (let time = 0; time < 2; time++) {
      const list = local.listPermissions({ user: 'ann', tenant: TENANT })
      await pass(100)
      expect((await list).permissions).toEqual([])
    }
    expect(world.asked).toBe(2)
  })
})
