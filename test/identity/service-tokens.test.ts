/** What a service may do by a token that it got for its key: no more, and no longer, than by the key itself. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openServiceTokens } from '../../src/access/service-token.ts'
import { systemClock } from '../../src/ground/clock.ts'
import type { ChangeContext } from '../../src/model/administration.ts'
import type { CallerRecord } from '../../src/model/caller.ts'
import { TokenVerifier } from '../../src/token/verify.ts'
import { AUDIENCE, type IdentityHouse, openIdentityHouse } from './identity-house.ts'

let at: IdentityHouse
beforeAll(async () => {
  at = await openIdentityHouse()
})
afterAll(() => at.close())

const make = async () =>
  await at.house.administration.createCaller(at.house.context, { name: 'operator', scopes: ['administer', 'decide'] })

async function tokenFor({ id }: CallerRecord, key: string) {
  const authorization = `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  const answer = await fetch(`${at.issuer}/oauth/token`, { method: 'POST', headers: { authorization }, body })
  const { access_token: token, expires_in: seconds } = (await answer.json()) as { access_token: string; expires_in: number }
  return { token, seconds }
}

/** Who presents this token to the decision service. */
async function by(token: string): Promise<ChangeContext> {
  const { keys, callers } = at.house.freshness
  const verifier = new TokenVerifier({ issuer: at.issuer, audience: AUDIENCE, clock: systemClock })
  const caller = await openServiceTokens({ keys, callers, verifier }).findCaller(token)
  if (caller === undefined) throw new Error('Nobody presents it')
  return { caller, reason: 'test' }
}

const denied = { code: 'permission_denied' }

describe('a key that is on its way out', () => {
  it('gets no token that outlives it, and makes nothing by one that does', async () => {
    const { record, key } = await make()
    const { previousKeyUntilMs } = await at.house.administration.rotateCaller(at.house.context, { callerId: record.id, overlapMs: 60_000 })
    const { token, seconds } = await tokenFor(record, key)
    expect(seconds).toBeLessThanOrEqual(60)
    const context = await by(token)
    expect(context.caller.expiresAtMs).toBeLessThanOrEqual(previousKeyUntilMs)
    const create = (more: { readonly expiresAtMs?: number }) =>
      at.house.administration.createCaller(context, { name: 'heir', scopes: ['administer'], ...more })
    await expect(create({})).rejects.toMatchObject(denied)
    await expect(create({ expiresAtMs: previousKeyUntilMs + 1_000 })).rejects.toMatchObject(denied)
    await expect(at.house.administration.rotateCaller(context, { callerId: record.id })).rejects.toMatchObject(denied)
  })
})

describe('a token of a caller without end', () => {
  it('makes callers that end no later than itself, and hands out no key of one that does', async () => {
    const { record, key } = await make()
    const { token, seconds } = await tokenFor(record, key)
    const context = await by(token)
    const endMs = context.caller.expiresAtMs ?? Number.POSITIVE_INFINITY
    expect(endMs).toBeLessThanOrEqual(Date.now() + seconds * 1_000)
    const create = (expiresAtMs?: number) =>
      at.house.administration.createCaller(context, {
        ...{ name: 'heir', scopes: ['decide'] },
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      })
    await expect(create()).rejects.toMatchObject(denied)
    await expect(create(endMs + 1)).rejects.toMatchObject(denied)
    await expect(at.house.administration.rotateCaller(context, { callerId: record.id })).rejects.toMatchObject(denied)
    const heir = await create(endMs)
    expect(heir).toMatchObject({ changed: true, record: { expiresAtMs: endMs } })
    expect(await at.house.administration.rotateCaller(context, { callerId: heir.record.id })).toMatchObject({ changed: true })
  })
})
