import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Decision } from '../../src/model/decision.ts'
import { BATCH_SUGGESTIONS_MAX } from '../../src/model/limits.ts'
import { bundleOf, type House, NEVER, openHouse } from '../support/house.ts'

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

  it('uses one bundle for a whole batch, whatever is put in force meanwhile', async () => {
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
