import { describe, expect, it } from '@jest/globals'
import { Coalesced } from '../../src/ground/coalesce.ts'
import { settle } from '../support/manual-clock.ts'

interface Run {
  end(value: number): void
  fail(): void
}

function counted(): { readonly shared: Coalesced<number>; readonly runs: Run[] } {
  const runs: Run[] = []
  const shared = new Coalesced<number>(
    () => new Promise((resolve, reject) => void runs.push({ end: resolve, fail: () => reject(new Error('failed')) })),
  )
  return { shared, runs }
}

describe('coalesced work', () => {
  it('answers nobody from a run that began before they asked, and begins one more for all who asked meanwhile', async () => {
    const { shared, runs } = counted()
    const first = shared.run()
    const later = [shared.run(), shared.run(), shared.run()]
    expect(runs).toHaveLength(1)
    runs[0]?.end(1)
    await settle()
    expect(runs).toHaveLength(2)
    runs[1]?.end(2)
    expect([await first, ...(await Promise.all(later))]).toEqual([1, 2, 2, 2])
    expect(shared.idle).toBe(true)
  })

  it('lets those join a run under way who say that they may', async () => {
    const { shared, runs } = counted()
    const [one, other] = [shared.run(), shared.join()]
    runs[0]?.end(7)
    expect([await one, await other]).toEqual([7, 7])
    expect(runs).toHaveLength(1)
  })

  it('fails for all who waited for a failed run, and for nobody after it', async () => {
    const { shared, runs } = counted()
    const failing = [shared.run(), shared.join()]
    const next = shared.run()
    runs[0]?.fail()
    for (const one of failing) await expect(one).rejects.toThrow('failed')
    runs[1]?.end(3)
    expect(await next).toBe(3)
  })
})
