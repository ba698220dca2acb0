/** A fake says what the test told it, and no more. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import { CastellanError, DeniedError, InvalidRequestError, UnavailableError } from '../../../src/client/errors.ts'
import { createFake } from '../../../src/client/testing/create-fake.ts'

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
})
