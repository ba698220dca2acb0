/** F2 extended, over random schedules of changes, delays, cuts, restarts and suspensions: what is answered here is never older than L + C. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { holds, type Validity } from '../../../src/access/fresh-reader.ts'
import type { Decision } from '../../../src/client/client.ts'
import { readLocalOptions } from '../../../src/client/local/local-options.ts'
import { openLocal } from '../../../src/client/local/open-local.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { FRESHNESS_BOUND_MS } from '../../../src/model/limits.ts'
import { AccessWorld, PERMISSION, REVISIONS, TENANT } from './access-world.ts'

const STALE_MS = 1_000
const USERS = ['ann', 'bob']
const user = fc.constantFrom(...USERS)

/** Whether the latest position that the client knows of is asked for, and milliseconds for the whole call. */
const asked = {
  latest: fc.boolean(),
  deadlineMs: fc.constantFrom(undefined, 300, 4_000, 30_000),
  /** Comes before what is loaded for it is read. */
  meanwhile: fc.constantFrom(undefined, undefined, undefined, 'change' as const, 0, 2),
}

/** What may happen next; numbers are milliseconds. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), user }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tenant' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('activate' as const), revision: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), back: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('poll' as const), replica: fc.nat(1) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('check' as const), users: fc.tuple(user), ...asked }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('checkAll' as const), users: fc.constant(USERS), ...asked }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('slow' as const), user, ms: fc.constantFrom(0, 300, 2_500, 8_000) }) },
  // Loads come from a replica that has not heard of what one with a stream has told.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('behind' as const), user }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('from' as const), replica: fc.constantFrom(undefined, 0, 1) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 100, 300, 900, 2_100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delay' as const), ms: fc.constantFrom(1, 50, 400, 1_500, 2_800) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('freeze' as const, 'thaw' as const, 'cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('suspend' as const), ms: fc.constantFrom(500, 5_000) }) },
)
const schedule = fc.array(step, { minLength: 20, maxLength: 60 })
interface Asked {
  readonly latest: boolean
  readonly deadlineMs: number | undefined
}
type Step = typeof schedule extends fc.Arbitrary<(infer S)[]> ? S : never

interface Played {
  readonly late: readonly string[]
  readonly local: number
}

async function play(steps: readonly Step[], rule: Validity): Promise<Played> {
  const world = new AccessWorld(2)
  const { service, wire, clock } = world
  const plan = readLocalOptions({ staleMs: STALE_MS })
  const client = openLocal({ service, wire, plan, deadlineMs: 20_000, clock, random: systemRandom, holds: rule })
  world.ignoresMinPosition = steps.length % 2 === 0
  const late: string[] = []
  let local = 0
  /** At the moment of answering. */
  const judge = (name: string, decision: Decision | undefined, minPosition: number | undefined) => {
    if (decision === undefined || decision.decisionId !== undefined) return
    local++
    const { position = 0, policyRevision } = decision
    const of = `${name}: version ${world.versionOf(decision)} at position ${position} of ${world.head}`
    // Suspension is seen on the wall clock only, and is time in which changes are made.
    if (!world.wasTrueSince(clock.realMs - FRESHNESS_BOUND_MS - STALE_MS, name, decision)) late.push(`${of}: too old`)
    if (position < (minPosition ?? 0)) late.push(`${of}: asked for ${minPosition}`)
    if (policyRevision === REVISIONS[2]) late.push(`${of}: always asked`)
  }
  const ask = (users: readonly string[], { latest, deadlineMs }: Asked, all: boolean) => {
    const minPosition = latest ? client.status().position : undefined
    const options = { ...(minPosition === undefined ? {} : { minPosition }), ...(deadlineMs === undefined ? {} : { deadlineMs }) }
    const questions = users.map((name) => ({ user: name, tenant: TENANT, permission: PERMISSION }))
    for (const question of questions) judge(question.user, client.peek(question, options), minPosition)
    const answers = all ? client.checkAll(questions, options) : Promise.all(questions.map((question) => client.check(question, options)))
    void answers.then((decisions) => {
      for (const [index, decision] of decisions.entries()) judge(users[index] ?? '', decision as Decision, minPosition)
    })
  }
  let restores = 0
  world.pollAll()
  await clock.pass(20)
  for (const next of steps) {
    if (next.kind === 'change') world.change(next.user)
    else if (next.kind === 'tenant') world.changeTenant()
    else if (next.kind === 'activate') world.activate(REVISIONS[next.revision])
    else if (next.kind === 'restore') world.restore(Math.max(1, world.head - next.back), `restored ${++restores}`)
    else if (next.kind === 'slow') world.loadMsOf.set(next.user, next.ms)
    else if (next.kind === 'from') world.loadFrom = next.replica
    else if (next.kind === 'behind') {
      world.poll(0)
      world.change(next.user)
      world.poll(1)
      world.loadFrom = 0
      await clock.pass(100)
      ask([next.user], { latest: true, deadlineMs: undefined }, false)
      await clock.pass(1)
    } else if (next.kind === 'poll') world.poll(next.replica)
    else if (next.kind === 'pass') await clock.pass(next.ms)
    else if (next.kind === 'delay') world.delayMs = next.ms
    else if (next.kind === 'freeze') world.frozen = true
    else if (next.kind === 'thaw') world.thaw()
    else if (next.kind === 'cut') world.cut()
    else if (next.kind === 'suspend') world.clock.suspend(next.ms)
    else if (next.kind === 'check' || next.kind === 'checkAll') {
      ask(next.users, next, next.kind === 'checkAll')
      if (next.meanwhile === 'change') world.change('ann')
      else if (next.meanwhile !== undefined) world.activate(REVISIONS[next.meanwhile])
      if (next.meanwhile !== undefined) world.pollAll()
      await clock.pass(1)
    }
  }
  world.thaw()
  await clock.pass(12_000)
  await client.close()
  return { late, local }
}

/** As `holds`, but it takes whatever it was told of to be all there is. */
const withoutHeartbeats: Validity = (kept, lastChange, knowledge) =>
  kept.value.position >= lastChange && kept.value.position <= (knowledge.known ?? -1)

describe('answers of a client with local checks', () => {
  it('reflect every change committed longer ago than both bounds, whatever the network and the replicas do', async () => {
    let local = 0
    await fc.assert(
      fc.asyncProperty(schedule, async (steps) => {
        const played = await play(steps, holds)
        expect(played.late).toEqual([])
        local += played.local
      }),
      { numRuns: 250 },
    )
    // There was something to be wrong about.
    expect(local).toBeGreaterThan(60)
  })

  it('would not without the heartbeats', async () => {
    const details = await fc.check(
      fc.asyncProperty(schedule, async (steps) => (await play(steps, withoutHeartbeats)).late.length === 0),
      { numRuns: 100, endOnFailure: true },
    )
    expect(details.failed).toBe(true)
  })
})
