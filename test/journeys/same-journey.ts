/** One journey through a service, whatever it runs on: the embedded one and the one on PostgreSQL answer alike. */
import { expect } from '@jest/globals'
import { ask, type RunningService } from '../support/castellan-process.ts'

/** Makes people of its own, so it may run beside samples. */
export async function walk(service: RunningService): Promise<void> {
  const check = async (user: string, tenant: string, permission: string, resource?: object) =>
    (await ask(service, 'POST', '/v1/check', { user, tenant, permission, ...(resource === undefined ? {} : { resource }) })).body
  const place = '/v1/tenants/walk-office/users/wanda/assignments'

  expect(await check('wanda', 'walk-office', 'sales.quote.create')).toMatchObject({ allowed: false, reason: 'UNKNOWN_TENANT' })
  const granted = await ask(service, 'POST', place, { role: 'salesperson', reason: 'walks' })
  expect(granted).toMatchObject({
    status: 201,
    body: { changed: true, effective: true, assignment: { role: 'salesperson', user: 'wanda' } },
  })
  expect(await check('wanda', 'walk-office', 'sales.quote.create')).toMatchObject({ allowed: true, reason: 'ROLE', via: ['salesperson'] })
  expect(await check('wanda', 'walk-office', 's.q.c')).toMatchObject({ allowed: true })
  expect(await check('wanda', 'walk-office', 'sales.quote.send', { amount: 10_000, discountPercent: 0 })).toMatchObject({ allowed: true })
  expect(await check('wanda', 'walk-office', 'sales.quote.send', { amount: 10_001, discountPercent: 0 })).toMatchObject({
    reason: 'CONDITION_FAILED',
  })
  expect(await check('wanda', 'walk-office', 'sales.quote.send')).toMatchObject({ allowed: false, reason: 'RESOURCE_REQUIRED' })
  expect(await check('wanda', 'walk-office', 'sales.quote.creat')).toMatchObject({
    reason: 'UNKNOWN_PERMISSION',
    hint: expect.stringContaining('sales.quote.create'),
  })
  expect(await ask(service, 'POST', place, { role: 'salesperson' })).toMatchObject({
    status: 200,
    body: { changed: false, effective: true },
  })
  expect(await ask(service, 'POST', place, { role: 'no-such-role' })).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
  expect(await ask(service, 'POST', place, { role: 'finance-cover' })).toMatchObject({ status: 409, body: { code: 'constraint_violated' } })

  const until = new Date(Date.now() + 3_600_000).toISOString()
  expect((await ask(service, 'POST', place, { role: 'finance-cover', expiresAt: until })).status).toBe(201)
  expect(await check('wanda', 'walk-office', 'finance.payout.create')).toMatchObject({
    allowed: true,
    reason: 'TEMPORARY_GRANT',
    validUntil: until,
  })
  expect((await ask(service, 'POST', place, { role: 'finance-approver' })).body).toMatchObject({
    code: 'constraint_violated',
    detail: expect.stringContaining('payout-four-eyes'),
  })

  expect(await ask(service, 'POST', '/v1/users/wanda/deactivate', { reason: 'leaves' })).toMatchObject({
    status: 200,
    body: { changed: true },
  })
  expect(await check('wanda', 'walk-office', 'sales.quote.create')).toMatchObject({ allowed: false, reason: 'ACCOUNT_DEACTIVATED' })
  expect((await ask(service, 'POST', '/v1/users/wanda/reactivate', { reason: 'is back' })).status).toBe(200)
  expect((await ask(service, 'POST', '/v1/tenants/walk-office/suspend', { reason: 'unpaid' })).status).toBe(200)
  expect(await check('wanda', 'walk-office', 'sales.quote.create')).toMatchObject({ allowed: false, reason: 'TENANT_SUSPENDED' })
  expect((await ask(service, 'POST', '/v1/tenants/walk-office/resume', { reason: 'paid' })).status).toBe(200)
  expect((await ask(service, 'DELETE', `${place}?role=salesperson`)).body).toMatchObject({ changed: true })
  expect(await check('wanda', 'walk-office', 'sales.quote.create')).toMatchObject({ allowed: false, reason: 'ROLE_LACKS_PERMISSION' })

  const unwaited = await ask(service, 'POST', place, { role: 'salesperson', wait: false })
  expect(unwaited).toMatchObject({ status: 201, body: { changed: true, effective: false, position: expect.any(Number) } })
  const past = { user: 'wanda', tenant: 'walk-office', permission: 'sales.quote.create', minPosition: unwaited.body['position'] }
  expect(await ask(service, 'POST', '/v1/check', past)).toMatchObject({ status: 200, body: { allowed: true } })
  const beyond = await ask(service, 'POST', '/v1/check', { ...past, minPosition: 1_000_000_000 })
  expect(beyond).toMatchObject({ status: 503, body: { code: 'position_not_reached' } })

  const made = await ask(service, 'POST', '/v1/callers', { name: 'walker', scopes: ['decide'], tenants: ['elsewhere'] })
  const limited = { ...service, key: String(made.body['key']) }
  expect((await ask(limited, 'POST', '/v1/check', { user: 'wanda', tenant: 'walk-office', permission: 's.q.c' })).status).toBe(403)
  expect((await ask({ ...service, key: 'nobody' }, 'POST', '/v1/check', {})).status).toBe(401)

  const { entries } = (await ask(service, 'GET', '/v1/audit?tenant=walk-office&user=wanda')).body as {
    entries: { action: string; result: string }[]
  }
  expect(entries.filter((entry) => entry.action === 'assignment.grant').map((entry) => entry.result)).toEqual([
    'applied',
    'applied',
    'noop',
    'applied',
  ])
}
