import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { openTokenPresenter, type TokenPresenter } from '../../../src/access/presented-token.ts'
import type { AccessResolver } from '../../../src/access/resolve.ts'
import { endSession } from '../../../src/access/sessions.ts'
import { openDecisionPoint } from '../../../src/decision/decision-point.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { DecisionPoint } from '../../../src/model/decision.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { TokenVerifier } from '../../../src/token/verify.ts'
import { type House, NEVER } from '../../support/house.ts'
import { settle } from '../../support/manual-clock.ts'
import { AUDIENCE, ISSUER } from '../../token/tokens.ts'
import { closed, FORM_NAMES, openStream, openTokenForms, READ, type TokenForms } from './token-forms.ts'
import { makeKey, openTokenWires, type TokenWires } from './token-wires.ts'
import { type Client, decisionClient } from './wires.ts'

const heldTo = { tenants: null }
let wires: TokenWires
let client: Client
let asking: TokenForms
/** What of the house fails, and how far its time is ahead. */
let state: { failing: 'keys' | 'sessions' | undefined; aheadMs: number }

beforeAll(async () => {
  wires = await openTokenWires((house) => ({ ...house, freshness: { ...house.freshness, ...unsteady(house) } }))
  client = decisionClient(wires.grpc.port)
  asking = openTokenForms(wires, client)
}, 300_000)
afterAll(async () => {
  client.close()
  await wires.close()
})
beforeEach(() => {
  state = { failing: undefined, aheadMs: 0 }
})

function unsteady({ freshness: { keys, sessions, databaseTime } }: House) {
  const steady = <Question extends unknown[], Answer>(part: 'keys' | 'sessions', find: (...question: Question) => Promise<Answer>) => {
    return async (...question: Question) => {
      if (state?.failing === part) throw new StoreError(`the ${part} cannot be read`)
      return await find(...question)
    }
  }
  return {
    keys: { ...keys, find: steady('keys', keys.find) },
    sessions: { ...sessions, find: steady('sessions', sessions.find) },
    databaseTime: { nowMs: () => databaseTime.nowMs() + (state?.aheadMs ?? 0) },
  }
}

const end = async ({ id, user }: SessionRecord) => {
  const { house } = wires
  const { position } = await endSession(house, house.context, user, id)
  house.freshness.acknowledgement.announce()
  await house.freshness.acknowledgement.effective(position)
}

/** The real decision point, with what `around` does before a state is read or after a token was looked at. */
function deciding(around: {
  readonly beforeState?: (user: string) => Promise<void>
  readonly afterState?: (user: string) => Promise<void>
  readonly presented?: () => void
}): DecisionPoint {
  const { house } = wires
  const { keys, sessions, databaseTime } = house.freshness
  const real = openTokenPresenter({
    keys,
    sessions,
    verifier: new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock: databaseTime }),
  })
  const tokens: TokenPresenter = {
    async present(...question) {
      const presented = await real.present(...question)
      around.presented?.()
      return presented
    },
  }
  const resolver: AccessResolver = {
    ...house.freshness.resolver,
    async resolve(...question) {
      await around.beforeState?.(question[1])
      const found = await house.freshness.resolver.resolve(...question)
      await around.afterState?.(question[1])
      return found
    },
  }
  return openDecisionPoint({ resolver, tokens, access: house.store.access, policy: house.policy, clock: systemClock, random: systemRandom })
}
function once(act: () => Promise<void>): () => Promise<void> {
  let left = 1
  return async () => {
    if (left-- > 0) await act()
  }
}
/** So that what is found of it afterwards holds by knowledge, not because it was read a moment ago. */
async function warm(decisions: DecisionPoint, accessToken: string): Promise<number> {
  for (let index = 0; index < 3; index++) await decisions.check({ accessToken, heldTo, permission: READ }, NEVER)
  const { position } = await decisions.check({ accessToken, heldTo, permission: READ }, NEVER)
  return position
}

describe('while the state of the person is read', () => {
  it('a key that retires takes its token with it', async () => {
    const { key, publish, retire } = await makeKey(wires.house)
    await publish()
    const accessToken = await wires.tokenOf(await wires.begin('ann'), {}, key)
    await warm(deciding({}), accessToken)
    const answer = await deciding({ afterState: once(retire) }).check({ accessToken, heldTo, permission: READ }, NEVER)
    expect(answer).toMatchObject({ allowed: false, reason: 'TOKEN_INVALID' })
  })

  it('the feed may go on: an answer has the position of the oldest that it was made from', async () => {
    const { house } = wires
    const accessToken = await wires.tokenOf(await wires.begin('ann'))
    const before = await warm(deciding({}), accessToken)
    let users = 0
    const goOn = async () => {
      await house.administration.grant(house.context, { tenant: 'east', user: `zoe-${users++}`, role: 'reader' })
    }
    const question = { accessToken, heldTo, permission: READ }
    const answers = [
      await deciding({ beforeState: once(goOn) }).check(question, NEVER),
      await deciding({ beforeState: once(goOn) }).explain(question, false, NEVER),
      await deciding({ beforeState: once(goOn) }).checkPermissions({ accessToken, heldTo, permissions: [READ] }, NEVER),
    ].map((answer) => ('decision' in answer ? answer.decision.position : answer.position))
    for (const [index, position] of answers.entries()) expect(position).toBe(before + index)
  })
})

describe('while the rest of a batch is read', () => {
  const BOB = { user: 'bob', tenant: 'north', permission: READ }

  /** The token is looked at first; then `act` happens, and only then bob's state is read. */
  async function batchOf(accessToken: string, act: () => Promise<void>) {
    let presented: () => void = () => undefined
    const first = new Promise<void>((resolve) => (presented = resolve))
    const actOnce = once(act)
    const decisions = deciding({
      presented: () => presented(),
      beforeState: async (user) => {
        if (user !== 'bob') return
        await first
        await settle()
        await actOnce()
      },
    })
    const answers = await decisions.checkBatch([{ accessToken, heldTo, permission: READ }, BOB], NEVER)
    return answers.map((answer) => (answer instanceof Error ? answer : answer.reason))
  }

  it('the session of a token that was looked at already may end', async () => {
    const session = await wires.begin('ann')
    const accessToken = await wires.tokenOf(session)
    await warm(deciding({}), accessToken)
    expect(await batchOf(accessToken, () => end(session))).toEqual(['TOKEN_REVOKED', 'ROLE'])
  })

  it('and its key may retire', async () => {
    const { key, publish, retire } = await makeKey(wires.house)
    await publish()
    const accessToken = await wires.tokenOf(await wires.begin('ann'), {}, key)
    await warm(deciding({}), accessToken)
    expect(await batchOf(accessToken, retire)).toEqual(['TOKEN_INVALID', 'ROLE'])
  })

  it('and one that was refused may be of a key that is published', async () => {
    const { key, publish, retire } = await makeKey(wires.house)
    const accessToken = await wires.tokenOf(await wires.begin('ann'), {}, key)
    await warm(deciding({}), accessToken)
    expect(await batchOf(accessToken, publish)).toEqual(['ROLE', 'ROLE'])
    await retire()
  })
})

describe('a position that is asked for', () => {
  it.each(FORM_NAMES)('and is beyond the feed is no answer, however well the token is known: %s', async (form) => {
    const accessToken = await wires.tokenOf(await wires.begin('ann'))
    for (let index = 0; index < 3; index++) expect(await asking.inForm(form, { accessToken })).toMatchObject({ allowed: true })
    const beyond = { minPosition: 1_000_000 }
    await expect(asking.inForm(form, { accessToken, ...beyond })).rejects.toMatchObject({ code: 'position_not_reached' })
    await expect(asking.inForm(form, { accessToken: 'x', ...beyond })).rejects.toMatchObject({ code: 'position_not_reached' })
  })

  it.each(FORM_NAMES)('is that of the end of a session: it is over, whether replicas know of it or not: %s', async (form) => {
    const session = await wires.begin('ann')
    const accessToken = await wires.tokenOf(session)
    for (let index = 0; index < 3; index++) expect(await asking.inForm(form, { accessToken })).toMatchObject({ allowed: true })
    const { position } = await endSession(wires.house, wires.house.context, 'ann', session.id)
    expect(await asking.inForm(form, { accessToken, minPosition: position })).toMatchObject(closed(form, 'TOKEN_REVOKED'))
  })
})

describe('a store that cannot say', () => {
  it.each(FORM_NAMES)('what keys there are, or whether the session lives, is a fault and never a deny: %s', async (form) => {
    const accessToken = await wires.tokenOf(await wires.begin('ann'))
    for (const failing of ['keys', 'sessions'] as const) {
      state.failing = failing
      await expect(asking.inForm(form, { accessToken })).rejects.toMatchObject({ code: 'store_unavailable' })
    }
    // Nor is it said of a text of which nothing could be said.
    state.failing = 'keys'
    await expect(asking.inForm(form, { accessToken: 'x' })).rejects.toMatchObject({ code: 'store_unavailable' })
    state.failing = undefined
    expect(await asking.inForm(form, { accessToken })).toMatchObject({ allowed: true })
  })

  it.each(FORM_NAMES)('who calls by a service token is a fault, and nobody is refused for it: %s', async (form) => {
    const { record } = await wires.house.administration.createCaller(wires.house.context, { name: 'one', scopes: ['decide'] })
    const key = await wires.serviceToken({ sub: record.id, client_id: record.id })
    state.failing = 'keys'
    await expect(asking.inForm(form, { user: 'ann', tenant: 'north' }, key)).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('while one CheckStream stays open', () => {
  const check = (accessToken: string) => ({ accessToken, permission: READ })

  it('a session that ends is over for the next check', async () => {
    const session = await wires.begin('ann')
    const accessToken = await wires.tokenOf(session)
    const stream = openStream(client, wires.keys.decide)
    expect(await stream.ask(check(accessToken))).toMatchObject({ reason: 'ROLE' })
    await end(session)
    expect(await stream.ask(check(accessToken))).toMatchObject({ reason: 'TOKEN_REVOKED' })
    stream.end()
  })

  it('so is a token that is over, and for a service that called by one the stream is', async () => {
    const { record } = await wires.house.administration.createCaller(wires.house.context, { name: 'two', scopes: ['decide'] })
    const [ofKey, ofToken] = [wires.keys.decide, await wires.serviceToken({ sub: record.id, client_id: record.id })].map((key) =>
      openStream(client, key),
    )
    const named = { user: 'ann', tenant: 'north', permission: READ }
    const accessToken = await wires.tokenOf(await wires.begin('ann'))
    expect(await ofKey?.ask(check(accessToken))).toMatchObject({ reason: 'ROLE' })
    expect(await ofToken?.ask(named)).toMatchObject({ reason: 'ROLE' })
    state.aheadMs = 631_000
    expect(await ofKey?.ask(check(accessToken))).toMatchObject({ reason: 'TOKEN_EXPIRED' })
    expect(await ofKey?.ask(named)).toMatchObject({ reason: 'ROLE' })
    await expect(ofToken?.ask(named)).rejects.toMatchObject({ code: 'unauthenticated' })
    ofKey?.end()
  })
})
