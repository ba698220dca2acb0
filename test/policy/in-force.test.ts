/** The policy in force of one replica: adopted whole, prepared beside, and never guessed. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import { POLICIES_COMPILED_KEPT_MAX } from '../../src/model/limits.ts'
import { canonicalJson, revisionOf } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyInForce } from '../../src/policy/in-force.ts'
import { bundleOf } from '../support/house.ts'

const made = (name: string) => {
  const policy = compilePolicy(bundleOf({ [name]: [`${name}.read`] }))
  return { policy, revision: policy.revision, content: canonicalJson(policy.bundle) }
}
const [one, two] = [made('one'), made('two')]

let stored: Map<string, string>
let asked: string[]
let inForce: PolicyInForce
beforeEach(() => {
  stored = new Map([one, two].map(({ revision, content }) => [revision, content]))
  asked = []
  inForce = new PolicyInForce({
    findRevision: async (revision) => {
      asked.push(revision)
      return stored.get(revision)
    },
  })
})

const UNAVAILABLE = { code: 'store_unavailable' }

describe('the policy in force', () => {
  it('is none before the first adoption: nothing can be decided', () => {
    expect(() => inForce.current()).toThrow(expect.objectContaining(UNAVAILABLE))
    expect(inForce).toMatchObject({ revision: undefined, position: -1, prepared: undefined })
  })

  it('is the revision that was adopted, at the position of its activation', async () => {
    await inForce.adopt(one.revision, 7)
    expect(inForce.current().findRole('one')).toBeDefined()
    expect(inForce).toMatchObject({ revision: one.revision, position: 7 })
    await inForce.adopt(two.revision, 9)
    expect(inForce.current().findRole('one')).toBeUndefined()
    expect(inForce).toMatchObject({ revision: two.revision, position: 9 })
  })

  it('stays what it is while another one is prepared beside', async () => {
    await inForce.adopt(one.revision, 1)
    await inForce.prepare(two.revision)
    expect(inForce).toMatchObject({ revision: one.revision, position: 1, prepared: two.revision })
  })

  it('is taken from what was prepared, without loading or compiling again', async () => {
    await inForce.adopt(one.revision, 1)
    await inForce.prepare(two.revision)
    stored.clear()
    await inForce.adopt(two.revision, 2)
    await inForce.adopt(one.revision, 3)
    expect(asked).toEqual([one.revision, two.revision])
    expect(inForce.revision).toBe(one.revision)
  })

  it('is the very one that was compiled elsewhere in the process', async () => {
    inForce.offer(one.policy)
    expect(inForce.prepared).toBe(one.revision)
    await inForce.adopt(one.revision, 1)
    expect(inForce.current()).toBe(one.policy)
    expect(asked).toEqual([])
  })

  it('is loaded once for a preparation and an adoption at the same time', async () => {
    await Promise.all([inForce.prepare(one.revision), inForce.adopt(one.revision, 1), inForce.prepare(one.revision)])
    expect(asked).toEqual([one.revision])
  })

  it.each<[string, (content: string) => string | undefined]>([
    ['missing', () => undefined],
    ['damaged', (content) => content.replace('two.read', 'two.reap')],
    ['cut off', (content) => content.slice(0, -1)],
    ['empty', () => ''],
  ])('stays what it is when the next one is %s, and takes it once it was repaired', async (_, damage) => {
    await inForce.adopt(one.revision, 1)
    const damaged = damage(two.content)
    if (damaged === undefined) stored.delete(two.revision)
    else stored.set(two.revision, damaged)
    await expect(inForce.prepare(two.revision)).rejects.toMatchObject(UNAVAILABLE)
    await expect(inForce.adopt(two.revision, 2)).rejects.toMatchObject(UNAVAILABLE)
    expect(inForce).toMatchObject({ revision: one.revision, position: 1, prepared: undefined })
    stored.set(two.revision, two.content)
    await inForce.adopt(two.revision, 2)
    expect(inForce).toMatchObject({ revision: two.revision, position: 2 })
  })

  it('stays what it is when this build cannot read what a newer one stored', async () => {
    const content = '{"permissions":"of another form"}'
    const revision = revisionOf(content)
    stored.set(revision, content)
    await inForce.adopt(one.revision, 1)
    await expect(inForce.adopt(revision, 2)).rejects.toMatchObject(UNAVAILABLE)
    expect(inForce.revision).toBe(one.revision)
  })

  it('is none after it was forgotten, and what was compiled is taken again', async () => {
    await inForce.adopt(one.revision, 5)
    inForce.forget()
    expect(() => inForce.current()).toThrow(expect.objectContaining(UNAVAILABLE))
    expect(inForce.position).toBe(-1)
    await inForce.adopt(one.revision, 2)
    expect(inForce.position).toBe(2)
    expect(asked).toEqual([one.revision])
  })

  it('keeps a bounded number of compiled ones, those used last', async () => {
    const others = Array.from({ length: POLICIES_COMPILED_KEPT_MAX - 1 }, (_, index) => made(`other${index}`))
    for (const { revision, content } of others) stored.set(revision, content)
    await inForce.prepare(one.revision)
    await inForce.prepare(two.revision)
    for (const { revision } of others) await inForce.prepare(revision)
    asked = []
    await inForce.prepare(two.revision)
    expect(asked).toEqual([])
    await inForce.prepare(one.revision)
    expect(asked).toEqual([one.revision])
  })

  it('is told when it becomes another one, not when the same one is adopted at another position', async () => {
    const heard: unknown[] = []
    inForce.onAdopted((policy, before) => heard.push([policy.revision, before]))
    await inForce.adopt(one.revision, 1)
    await inForce.adopt(one.revision, 2)
    await inForce.adopt(two.revision, 3)
    expect(heard).toEqual([
      [one.revision, undefined],
      [two.revision, one.revision],
    ])
  })
})
