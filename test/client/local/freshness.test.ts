/** F2 extended, over random schedules of changes, delays, cuts, restarts and suspensions: what is answered here is never older than L + C. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { holds, type Validity } from '../../../src/access/fresh-reader.ts'
import type { Decision } from '../../../src/client/client.ts'
import { readLocalOptions } from '../../../src/client/local/local-options.ts'
import { openLocal } from '../../../src/client/local/open-local.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { FRESHNESS_BOUND_MS } from '../../../src/model/limits.ts'
import { AccessWorld, PERMISSION, TENANT } from './access-world.ts'

const STALE_MS = 1_000
const USERS = ['ann', 'bob']
const user = fc.constantFrom(...USERS)

/** What may happen next; numbers are milliseconds. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), user }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('activate' as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('poll' as const), replica: fc.nat(1) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('check' as const), user }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 100, 300, 900, 2_100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delay' as const), ms: fc.constantFrom(1, 50, 400, 1_500, 2_800) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('freeze' as const, 'thaw' as const, 'cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('suspend' as const), ms: fc.constantFrom(500, 5_000) }) },
)
const schedule = fc.array(step, { minLength: 20, maxLength: 60 })
type Step = typeof schedule extends fc.Arbitrary<(infer S)[]> ? S : never

interface Played {
  readonly late: readonly string[]
  readonly local: number
}

async function play(steps: readonly Step[], rule: Validity): Promise<Played> {
  const world = new AccessWorld(2)
  const { service, wire, clock } = world
  const plan = readLocalOptions({ staleMs: STALE_MS })
  const client = openLocal({ service, wire, plan, deadlineMs: 500, clock, random: systemRandom, holds: rule })
  const late: string[] = []
  let local = 0
  const judge = (name: string, decision: Decision | undefined) => {
    if (decision === undefined || decision.decisionId !== undefined) return
    local++
    const overtakenMs = world.overtakenMs(name, decision)
    // Suspension is seen on the wall clock only, and is time in which changes are made.
    const ageMs = world.clock.realMs - overtakenMs
    if (ageMs > FRESHNESS_BOUND_MS + STALE_MS)
      late.push(`${name}: overtaken ${ageMs} ms ago, position ${decision.position} of ${world.head}`)
    const shown = world.versionOf(decision)
    if (shown !== world.versionAt(name, decision.position)) late.push(`${name}: not as at its position ${decision.position}`)
  }
  world.pollAll()
  await clock.pass(20)
  for (const next of steps) {
    if (next.kind === 'change') world.change(next.user)
    else if (next.kind === 'activate') world.activate()
    else if (next.kind === 'poll') world.poll(next.replica)
    else if (next.kind === 'pass') await clock.pass(next.ms)
    else if (next.kind === 'delay') world.delayMs = next.ms
    else if (next.kind === 'freeze') world.frozen = true
    else if (next.kind === 'thaw') world.thaw()
    else if (next.kind === 'cut') world.cut()
    else if (next.kind === 'suspend') world.clock.suspend(next.ms)
    else if (next.kind === 'check') {
      const name = next.user
      const question = { user: name, tenant: TENANT, permission: PERMISSION }
      judge(name, client.peek(question))
      void client.check(question).then((decision) => judge(name, decision))
      await clock.pass(1)
    }
  }
  world.thaw()
  await clock.pass(2_000)
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
      { numRuns: 60 },
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
