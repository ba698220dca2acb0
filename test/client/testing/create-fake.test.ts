/** A fake says what the test told it, and no more. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Decision } from '../../../src/client/client.ts'
import { CastellanError, DeniedError, InvalidRequestError, UnavailableError } from '../../../src/client/errors.ts'
import { createFake, type Fake, type FakeSettings } from '../../../src/client/testing/create-fake.ts'
import type { FakeSubject } from '../../../src/client/testing/fake-rules.ts'

type Permission = 'finance.read' | 'finance.payout.create' | 'sales.quote.send'
const PERMISSIONS = ['finance.read', 'finance.payout.create', 'sales.quote.send'] as const
const ANN = { user: 'ann', tenant: 'acme' }
const BEN = { user: 'ben', tenant: 'acme' }

describe('createFake', () => {
  const fake = createFake<Permission>({ permissions: PERMISSIONS })
  beforeEach(() => fake.reset())

  it('denies until the test says otherwise, and says how', async () => {
    const decision = await fake.check({ ...ANN, permission: 'finance.read' })
    expect(decision).toMatchObject({ allowed: false, reason: 'NO_ASSIGNMENT', via: [] })
    expect(decision.hint).toContain('fake.allow')
    expect(await fake.can({ ...ANN, permission: 'finance.read' })).toBe(false)
  })

  it('allows anybody, or only whom it was told', async () => {
    fake.allow('finance.read')
    fake.allow('finance.payout.create', { user: 'ann', tenant: 'acme' })
    expect(await fake.can({ ...BEN, permission: 'finance.read' })).toBe(true)
    expect(await fake.can({ ...ANN, permission: 'finance.payout.create' })).toBe(true)
    expect(await fake.can({ ...BEN, permission: 'finance.payout.create' })).toBe(false)
    expect(await fake.can({ user: 'ann', tenant: 'south', permission: 'finance.payout.create' })).toBe(false)
    expect(await fake.can({ accessToken: 'a-token', permission: 'finance.payout.create' })).toBe(false)
  })

  it('answers by the resource where a condition was given', async () => {
    fake.allow('sales.quote.send', { when: ({ amount }) => Number(amount) <= 10_000 })
    const send = fake.for(ANN)
    expect(await send.can('sales.quote.send', { amount: 10_000 })).toBe(true)
    expect(await send.can('sales.quote.send', { amount: 10_001 })).toBe(false)
    expect(await send.can('sales.quote.send')).toBe(false)
  })

  it('does what was said last', async () => {
    fake.allow('finance.read')
    fake.deny('finance.read', 'CONDITION_FAILED', { user: 'ben' })
    expect(await fake.can({ ...ANN, permission: 'finance.read' })).toBe(true)
    await expect(fake.enforce({ ...BEN, permission: 'finance.read' })).rejects.toThrow(DeniedError)
    expect(await fake.check({ ...BEN, permission: 'finance.read' })).toMatchObject({ reason: 'CONDITION_FAILED' })
  })

  it('fails as a service that is down, for everybody or for some, never as a deny', async () => {
    const down = new UnavailableError('The service cannot be reached.', { code: 'unreachable' })
    fake.allow('finance.read')
    fake.fail(down, { tenant: 'acme' })
    await expect(fake.can({ ...ANN, permission: 'finance.read' })).rejects.toBe(down)
    expect(await fake.can({ user: 'ann', tenant: 'south', permission: 'finance.read' })).toBe(true)
    await expect(fake.checkAll([{ ...ANN, permission: 'finance.read' }])).rejects.toThrow(UnavailableError)
    await expect(fake.listPermissions(ANN)).rejects.toBe(down)
    fake.reset()
    expect(await fake.can({ ...ANN, permission: 'finance.read' })).toBe(false)
  })

  it('fails on a name that the policy does not have, said or asked, and names the nearest', async () => {
    expect(() => fake.allow('finance.raed' as Permission)).toThrow(InvalidRequestError)
    const asked = fake.check({ ...ANN, permission: 'finance.raed' as Permission })
    await expect(asked).rejects.toMatchObject({
      name: 'InvalidRequestError',
      code: 'request_invalid',
      hint: 'Did you mean "finance.read"?',
    })
  })

  it('remembers what was asked, and forgets it with the rest', async () => {
    await fake.for(ANN).checkAll(['finance.read', { permission: 'sales.quote.send', resource: { amount: 3 } }])
    expect(fake.questions).toMatchObject([
      { user: 'ann', tenant: 'acme', permission: 'finance.read' },
      { permission: 'sales.quote.send', resource: { amount: 3 } },
    ])
    fake.reset()
    expect(fake.questions).toEqual([])
  })

  it('lists what it would allow: with a condition where it depends on the resource', async () => {
    fake.allow('finance.read')
    fake.allow('sales.quote.send', { user: 'ann', when: () => true })
    fake.allow('finance.payout.create', { user: 'ben' })
    const { permissions } = await fake.listPermissions(ANN)
    expect(permissions).toMatchObject([
      { permission: 'finance.read', conditional: false },
      { permission: 'sales.quote.send', conditional: true },
    ])
  })

  it('allows from the start, and again after a reset, what its settings say', async () => {
    const other = createFake<Permission>({ allow: ['finance.read'] })
    other.deny('finance.read')
    expect(await other.can({ ...ANN, permission: 'finance.read' })).toBe(false)
    other.reset()
    expect(await other.can({ ...ANN, permission: 'finance.read' })).toBe(true)
  })

  it('answers nothing after it was closed', async () => {
    const other = createFake<Permission>({ allow: ['finance.read'] })
    await other.close()
    await expect(other.can({ ...ANN, permission: 'finance.read' })).rejects.toThrow(CastellanError)
  })

  const slips: readonly (readonly [string, (fake: Fake) => void])[] = [
    ['a name in place of a subject', (fake) => fake.allow('finance.read', 'ann' as FakeSubject)],
    ['a misspelt field of a subject', (fake) => fake.allow('finance.read', { usr: 'ann' } as FakeSubject)],
    ['a user that has no value', (fake) => fake.allow('finance.read', { user: undefined } as unknown as FakeSubject)],
    ['no subject where one stands', (fake) => fake.allow('finance.read', null as unknown as FakeSubject)],
    ['a condition that is no function', (fake) => fake.allow('finance.read', { when: true } as unknown as FakeSubject)],
    ['no permission', (fake) => fake.allow(undefined as unknown as string)],
    ['an empty reason', (fake) => fake.deny('finance.read', '')],
    ['a reason in other letters', (fake) => fake.deny('finance.read', 'condition failed')],
    ['a misspelt reason', (fake) => fake.deny('finance.read', 'CONDITON_FAILED')],
    ['the reason of an allow', (fake) => fake.deny('finance.read', 'ROLE')],
    ['a subject in place of the reason', (fake) => fake.deny('finance.read', ANN as unknown as string)],
    ['an error that no client throws', (fake) => fake.fail(new Error('down') as CastellanError)],
    ['a deny as an error', (fake) => fake.fail(new DeniedError({ permission: 'x' }, { allowed: false } as Decision))],
    ['a misspelt setting', () => createFake({ permisions: ['finance.read'] } as FakeSettings)],
    ['a name in place of a list', () => createFake({ allow: 'finance.read' } as unknown as FakeSettings)],
  ]
  it.each(slips)('takes no rule from %s, which would be about anybody or about nothing', async (_slip, say) => {
    const strict = createFake()
    expect(() => say(strict)).toThrow(InvalidRequestError)
    expect(await strict.can({ ...BEN, permission: 'finance.read' })).toBe(false)
  })

  it('takes a reason that only a newer service knows', async () => {
    fake.deny('finance.read', 'OUTSIDE_OFFICE_HOURS')
    expect(await fake.check({ ...ANN, permission: 'finance.read' })).toMatchObject({ reason: 'OUTSIDE_OFFICE_HOURS' })
  })
})
