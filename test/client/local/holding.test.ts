/** What is held is answered from only while it holds: by the policy in force, within its windows, on a stream that keeps to its protocol. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { LOCAL_STEPS_WAITING_MAX } from '../../../src/client/limits.ts'
import { type LocalOptions, readLocalOptions } from '../../../src/client/local/local-options.ts'
import { type LocalAsker, openLocal } from '../../../src/client/local/open-local.ts'
import type { AccessListener, AccessWire } from '../../../src/client/wires/access-wire.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { AccessEvent } from '../../../src/model/access-event.ts'
import { AccessWorld, PERMISSION, REVISIONS, TENANT } from './access-world.ts'

const ANN = { user: 'ann', tenant: TENANT, permission: PERMISSION }
const GRANTED_LATER = { ...ANN, permission: 'a.p2' }

let world: AccessWorld
let local: LocalAsker
beforeEach(() => {
  world = new AccessWorld(2)
})
afterEach(async () => {
  await local.close()
})

async function open(options: LocalOptions = {}, wire: AccessWire = world.wire): Promise<void> {
  const { service, clock } = world
  local = openLocal({ service, wire, plan: readLocalOptions(options), deadlineMs: 500, clock, random: systemRandom })
  await pass(100)
}

async function pass(ms: number, poll = () => world.pollAll()): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    poll()
    await world.clock.pass(Math.min(left, 100))
  }
}

async function check(question = ANN) {
  const answer = local.check(question)
  await world.clock.pass(50)
  return await answer
}

/** The world's, with something done to what is heard. */
function hearing(heard: (event: AccessEvent, listener: AccessListener) => void): AccessWire {
  return {
    ...world.wire,
    watch: (from, listener) => world.wire.watch(from, { ...listener, event: (event) => heard(event, listener) }),
  }
}

describe('what is held', () => {
  it('is decided from by the policy in force, also where a verdict is remembered', async () => {
    await open()
    expect(await check(GRANTED_LATER)).toMatchObject({ allowed: false, policyRevision: REVISIONS[0] })
    expect(local.peek(GRANTED_LATER)).toMatchObject({ allowed: false })
    world.activate()
    await pass(200)
    expect(local.peek(GRANTED_LATER)).toMatchObject({ allowed: true, policyRevision: REVISIONS[1] })
    world.activate()
    await pass(200)
    expect(local.peek(GRANTED_LATER)).toMatchObject({ allowed: false, policyRevision: REVISIONS[0] })
    expect([world.loads, world.asked]).toEqual([1, 0])
  })

  it('is never of one version and the policy of another: what is ahead of the policy here is left to the service', async () => {
    await open()
    world.activate()
    world.poll(0)
    world.loadFrom = 0
    const early = await check(GRANTED_LATER)
    expect(early).toMatchObject({ decisionId: 'of the service', policyRevision: REVISIONS[1] })
    await pass(200)
    expect(local.peek(GRANTED_LATER)).toMatchObject({ allowed: true, position: world.head })
  })

  it('is not decided from by a policy between the moment it is taken and that in which its position is known', async () => {
    const seen: unknown[] = []
    const wire: AccessWire = {
      ...world.wire,
      async loadPolicy(revision, call) {
        const text = await world.wire.loadPolicy(revision, call)
        void (async () => {
          for (let turn = 0; turn < 200; turn++) {
            await undefined
            const { policyRevision, position = 0 } = local?.peek(ANN) ?? {}
            if (policyRevision === REVISIONS[1] && position < 2) seen.push({ position })
          }
        })()
        return text
      },
    }
    await open({}, wire)
    await check()
    world.activate()
    await pass(200)
    expect(local.peek(ANN)).toMatchObject({ policyRevision: REVISIONS[1], position: 2 })
    expect(seen).toEqual([])
  })

  it('is not decided from by a policy that is older than itself, when the stream leaves an activation out', async () => {
    await open(
      {},
      hearing((event, listener) => listener.event(event.kind === 'changes' ? { ...event, changes: [] } : event)),
    )
    world.activate()
    await pass(200)
    expect(local.status()).toMatchObject({ state: 'fresh', position: 2, policyRevision: REVISIONS[0] })
    expect(await check(GRANTED_LATER)).toHaveProperty('decisionId')
    expect(local.peek(GRANTED_LATER)).toBeUndefined()
  })

  it.each([
    ['ends', { validFromMs: 0, edge: 'expiresAtMs' }, 'TEMPORARY_GRANT', 'ASSIGNMENT_EXPIRED'],
    ['begins', { expiresAtMs: 4_000_000_000_000, edge: 'validFromMs' }, 'NOT_YET_VALID', 'TEMPORARY_GRANT'],
  ] as const)('holds to the moment at which a window %s, and not a moment longer', async (_, { edge, ...window }, before, after) => {
    await open()
    const edgeMs = world.clock.nowMs() + 10_000
    world.windowOf.set('ann', { ...window, [edge]: edgeMs } as never)
    await check()
    let answered = 0
    while (world.clock.nowMs() < edgeMs) {
      const reason = local.peek(ANN)?.reason
      if (reason !== undefined) answered++
      expect([before, undefined]).toContain(reason)
      await pass(50)
    }
    expect(answered).toBeGreaterThan(100)
    for (let times = 0; times < 20; times++) {
      expect([after, undefined]).toContain(local.peek(ANN)?.reason)
      await pass(50)
    }
    await check()
    expect(local.peek(ANN)?.reason).toBe(after)
  })
})

describe('a stream', () => {
  it('makes nothing fresh while its replica says that it is not', async () => {
    await open(
      {},
      hearing((event, listener) => listener.event(event.kind === 'heartbeat' ? { ...event, fresh: false } : event)),
    )
    await pass(2_000)
    expect(local.status().state).toBe('catching-up')
    expect(await check()).toHaveProperty('decisionId')
  })

  it('that begins again leaves nothing of what was held, whatever it says', async () => {
    let told: AccessListener | undefined
    await open(
      {},
      hearing((event, listener) => {
        told = listener
        listener.event(event)
      }),
    )
    await check()
    expect(local.peek(ANN)).toBeDefined()
    const { incarnation, callerDigest } = world
    const policy = { revision: REVISIONS[0], position: 1 }
    told?.event({ kind: 'opened', incarnation, position: 1, resumed: true, policy, callerDigest })
    expect(local.peek(ANN)).toBeUndefined()
    expect(local.status().entries).toBe(0)
    await pass(600)
    expect(local.status()).toMatchObject({ state: 'fresh', policyRevision: REVISIONS[0] })
  })

  it('is begun again when it tells too much while a policy is being loaded', async () => {
    let hangs = false
    const wire: AccessWire = {
      ...world.wire,
      loadPolicy: (revision, call) => (hangs ? new Promise(() => undefined) : world.wire.loadPolicy(revision, call)),
    }
    await open({}, wire)
    hangs = true
    world.activate()
    for (let change = 0; change <= LOCAL_STEPS_WAITING_MAX + 1; change++) {
      world.change('bob')
      world.pollAll()
      if (change === LOCAL_STEPS_WAITING_MAX - 10) {
        await world.clock.pass(2)
        expect(local.status().state).toBe('fresh')
      }
    }
    await world.clock.pass(2)
    expect(local.status().state).not.toBe('catching-up')
    await world.clock.pass(200)
    expect(world.opened).toHaveLength(2)
  })
})
