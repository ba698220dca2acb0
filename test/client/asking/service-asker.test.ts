/** What is asked of a service that hangs, refuses or is behind: who else asks goes on, and nothing is taken for an answer that is none. */
import { describe, expect, it } from '@jest/globals'
import { openClient } from '../../../src/client/asking/open-client.ts'
import { openServiceAsker } from '../../../src/client/asking/service-asker.ts'
import type { Client, Decision, Question } from '../../../src/client/client.ts'
import { InvalidRequestError } from '../../../src/client/errors.ts'
import { REFUSED_BATCH_REQUESTS_MAX, REQUESTS_AT_ONCE_MAX } from '../../../src/client/limits.ts'
import type { ClientWire, WireCall } from '../../../src/client/wires/wire.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'

const DECISION: Decision = { allowed: true, reason: 'ROLE', decisionId: 'one', policyRevision: 'one', position: 3, via: ['r'] }
const about = (user: string): Question => ({ user, tenant: 'acme', permission: 'finance.read' })

/** A service by what it does with a request; counts how many are under way. */
function open(answer: (questions: readonly Question[], call: WireCall) => Promise<readonly Decision[]>) {
  const counts = { now: 0, most: 0, requests: 0 }
  const counted = async (questions: readonly Question[], call: WireCall) => {
    counts.requests += 1
    counts.now += 1
    counts.most = Math.max(counts.most, counts.now)
    try {
      return await answer(questions, call)
    } finally {
      counts.now -= 1
    }
  }
  const wire: ClientWire = {
    check: async (question, call) => (await counted([question], call))[0] as Decision,
    checkBatch: counted,
    listPermissions: async () => ({ permissions: [], policyRevision: 'one', position: 3 }),
    close: async () => undefined,
  }
  const clock = new ManualClock()
  const client: Client = openClient(openServiceAsker(wire, { deadlineMs: 500, retries: 0 }, { clock, random: systemRandom }))
  return { client, clock, counts }
}

describe('a service that never answers some questions', () => {
  const hanging = () =>
    open(async (questions, { signal }) => {
      if (questions.some(({ user }) => user === 'stuck'))
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return questions.map(() => DECISION)
    })

  it('answers all others, however many of those wait, and however patiently', async () => {
    const { client, clock, counts } = hanging()
    const stuck: Promise<unknown>[] = []
    for (let round = 0; round < 2 * REQUESTS_AT_ONCE_MAX; round += 1) {
      for (const deadlineMs of [60_000, 5_000]) stuck.push(client.check(about('stuck'), { deadlineMs }).catch((fault: unknown) => fault))
      let ordinary: Decision | undefined
      const asking = client.check(about('ann')).then((decision) => {
        ordinary = decision
      })
      for (let turn = 0; turn < 3; turn += 1) await settle()
      expect([round, ordinary?.allowed]).toEqual([round, true])
      await asking
    }
    expect(counts.now).toBeLessThanOrEqual(REQUESTS_AT_ONCE_MAX / 2)
    expect(counts.most).toBeLessThanOrEqual(REQUESTS_AT_ONCE_MAX)
    await clock.pass(60_000)
    expect(await Promise.all(stuck)).toEqual(stuck.map(() => expect.objectContaining({ code: 'deadline_exceeded' })))
    await clock.pass(0)
    expect(counts.now).toBe(0)
    await client.close()
  })

  it('gives the places of questions without patience back with their deadline', async () => {
    const { client, clock, counts } = hanging()
    const stuck: Promise<unknown>[] = []
    for (let request = 0; request < 2 * REQUESTS_AT_ONCE_MAX; request += 1) {
      stuck.push(client.check(about('stuck')).catch((fault: unknown) => fault))
      await settle()
    }
    expect(counts.now).toBe(REQUESTS_AT_ONCE_MAX)
    await clock.pass(500)
    const patient = client.check(about('ann'), { deadlineMs: 60_000 })
    await settle()
    expect((await patient).allowed).toBe(true)
    await Promise.all(stuck)
    await client.close()
  })
})

describe('a service that refuses a batch as a whole', () => {
  const wrong = (user: string) => new InvalidRequestError('wrong', { code: 'request_invalid', violations: [{ field: user, message: 'x' }] })

  it('is asked again in parts, one after the other, and only the question at fault fails', async () => {
    const { client, counts } = open(async (questions) => {
      if (questions.some(({ user }) => user === 'bad')) throw wrong('bad')
      await settle()
      return questions.map(() => DECISION)
    })
    const asking = Array.from({ length: 1_000 }, (_, index) => client.check(about(index === 617 ? 'bad' : `user-${index}`)))
    const results = await Promise.allSettled(asking)
    expect(results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([617])
    expect(counts.most).toBe(1)
    expect(counts.requests).toBeLessThanOrEqual(22)
    await client.close()
  })

  it('and every part of it is left in peace', async () => {
    const { client, counts } = open(async () => {
      throw wrong('all')
    })
    const results = await Promise.allSettled(Array.from({ length: 1_000 }, (_, index) => client.check(about(`user-${index}`))))
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof InvalidRequestError)).toBe(true)
    expect(counts.requests).toBeLessThanOrEqual(REFUSED_BATCH_REQUESTS_MAX)
    expect(counts.most).toBe(1)
    await client.close()
  })
})

it('an answer from before the position that was asked for is none', async () => {
  const { client } = open(async (questions) => questions.map(() => DECISION))
  const behind = { name: 'UnavailableError', code: 'position_not_reached' }
  await expect(client.check(about('ann'), { minPosition: 4 })).rejects.toMatchObject(behind)
  await expect(client.checkAll([about('ann'), about('bob')], { minPosition: 4 })).rejects.toMatchObject(behind)
  expect(await client.can(about('ann'), { minPosition: 3 })).toBe(true)
  expect(await client.checkAll([about('ann'), about('bob')], { minPosition: 3 })).toHaveLength(2)
  await client.close()
})
