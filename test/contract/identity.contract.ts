/** What every implementation of the store promises of logins: challenges, their mail, sessions. Tests of one run share a store. */
import { randomBytes, randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import type { TestStore } from '../support/stores.ts'
import {
  age,
  challengeOf,
  DAY_MS,
  hashOf,
  openSession,
  sentChallenge,
  sessionOf,
  somebody,
  theChallenge,
  theSession,
  within,
  word,
} from './identity-rows.ts'

const NO_IDS = ['', 'x', '../etc', randomUUID().toUpperCase(), `${randomUUID()} `, `{${randomUUID()}}`, '\0', 'é'.repeat(300)]

export function challengeContract(current: () => TestStore): void {
  it('keeps a challenge as it was asked for, from the moment of the database for its life', async () => {
    const person = await somebody(current())
    const asked = challengeOf(person, { redirectUri: 'https://ward.example/in', tenant: 'north', locale: 'fr', agent: 'Firefox' })
    const { lifeMs, mailState, ...row } = asked
    const [record, nowMs] = await within(
      current(),
      async (identity, change) => [await identity.insertChallenge(asked), await change.nowMs()] as const,
    )
    const empty = { user: null, tokenHash: null, codeHash: null, tries: 0, mailAttempts: 0, consumedAtMs: null, consumedBy: null }
    expect(record).toMatchObject({ ...row, ...empty, sessionId: null, deadReason: null, mailState })
    expect(record.expiresAtMs).toBe(record.createdAtMs + lifeMs)
    expect(record.createdAtMs).toBeLessThanOrEqual(nowMs)
    expect(await theChallenge(current(), asked.id)).toEqual(record)
  })

  it.each(NO_IDS)('has no challenge, session, caller or application under %j, and answers so', async (id) => {
    const { identity: reader } = current().store
    expect(await reader.findChallenge(id)).toBeUndefined()
    expect((await reader.findSession(id)).session).toBeUndefined()
    expect((await reader.findCallerById(id)).caller).toBeUndefined()
    expect(await reader.findClient(id)).toBeUndefined()
    const answers = await within(current(), async (identity) => [
      await identity.lockChallenge(id),
      await identity.takeDueMail(id, 1_000),
      await identity.raiseTries(id),
      await identity.consumeChallenge(id, undefined, randomUUID()),
      await identity.lockSession(id),
      await identity.findClient(id),
      await identity.holdClient(id),
      (await identity.revokeSessions({ loginId: id }, 'logout')).at(0),
    ])
    expect(answers).toEqual(answers.map(() => undefined))
  })

  it('finds a challenge by the digest of its token, and by that only', async () => {
    const challenge = await sentChallenge(current(), await somebody(current()))
    const { identity } = current().store
    expect(await identity.findChallengeByToken(challenge.tokenHash ?? new Uint8Array())).toEqual(challenge)
    expect(await identity.findChallengeByToken(randomBytes(32))).toBeUndefined()
    expect(await identity.findChallengeByToken(new Uint8Array())).toBeUndefined()
  })

  it('counts five tries of a code, and no sixth', async () => {
    const { id } = await sentChallenge(current(), await somebody(current()))
    const tries: (number | undefined)[] = []
    for (let attempt = 1; attempt <= 6; attempt++) tries.push((await within(current(), (identity) => identity.raiseTries(id)))?.tries)
    expect(tries).toEqual([1, 2, 3, 4, 5, undefined])
    expect((await theChallenge(current(), id)).tries).toBe(5)
  })

  it('counts tries also where nobody was written to: the work of guessing tells nothing', async () => {
    const person = await somebody(current())
    const { id } = await within(current(), (identity) => identity.insertChallenge({ ...challengeOf(person), mailState: 'dropped' }))
    expect(await within(current(), (identity) => identity.raiseTries(id))).toMatchObject({ tries: 1, codeHash: null, mailState: 'dropped' })
  })

  it('consumes a challenge once, with who did it and for which session', async () => {
    const person = await somebody(current())
    const { id } = await sentChallenge(current(), person)
    const session = sessionOf(person)
    // The session after it: nobody begins one before he knows that he may.
    const consumed = await within(current(), async (identity) => {
      const record = await identity.consumeChallenge(id, hashOf('cookie'), session.id)
      await identity.insertSession(session)
      return record
    })
    expect(consumed).toMatchObject({ id, sessionId: session.id, consumedAtMs: expect.any(Number) })
    expect(Buffer.from(consumed?.consumedBy ?? [])).toEqual(Buffer.from(hashOf('cookie')))
    const again = await within(current(), (identity) => identity.consumeChallenge(id, undefined, session.id))
    expect([again, await within(current(), (identity) => identity.raiseTries(id))]).toEqual([undefined, undefined])
    expect(await theChallenge(current(), id)).toEqual(consumed)
  })

  it('does not consume a challenge that is over, dead, not written to anybody, or dropped, and tries none that is over or dead', async () => {
    const person = await somebody(current())
    const [over, killed, dropped] = [
      await sentChallenge(current(), person),
      await sentChallenge(current(), person),
      await sentChallenge(current(), person),
    ]
    await age(current(), 'login_challenge', over.id, 600_001)
    const unwritten = await within(current(), async (identity) => {
      await identity.killChallenge(killed.id, 'tries')
      return await identity.insertChallenge(challengeOf(person))
    })
    await current().database.knex('login_challenge').where({ id: dropped.id }).update({ mail_state: 'dropped' })
    for (const { id } of [over, killed, unwritten, dropped]) {
      const before = await theChallenge(current(), id)
      const answers = await within(current(), async (identity) => [
        await identity.consumeChallenge(id, undefined, randomUUID()),
        id === over.id || id === killed.id ? await identity.raiseTries(id) : undefined,
      ])
      expect(answers).toEqual([undefined, undefined])
      expect(await theChallenge(current(), id)).toEqual(before)
    }
  })

  it('lets somebody in whose mail arrived before the mail server said so', async () => {
    const person = await somebody(current())
    const session = await openSession(current(), person)
    const { id } = await within(current(), (identity) => identity.insertChallenge(challengeOf(person)))
    await within(current(), (identity) =>
      identity.prepareMail(id, { user: person.user, tokenHash: randomBytes(32), codeHash: randomBytes(32) }),
    )
    expect(await within(current(), (identity) => identity.consumeChallenge(id, undefined, session.id))).toMatchObject({ mailState: 'sent' })
  })

  it('lets the challenge that was asked for last live, whichever mail leaves first', async () => {
    const person = await somebody(current())
    const [older, newer, otherClient] = [
      await sentChallenge(current(), person),
      await sentChallenge(current(), person),
      await sentChallenge(current(), { ...person, clientId: (await somebody(current())).clientId }),
    ]
    await age(current(), 'login_challenge', older.id, 5)
    await age(current(), 'login_challenge', otherClient.id, 5)
    const supersede = (id: string) => within(current(), (identity) => identity.supersedeChallenges(id))
    expect(await supersede(older.id)).toBe(0)
    expect(await supersede(newer.id)).toBe(1)
    expect(await supersede(newer.id)).toBe(0)
    const dead = await Promise.all([older, newer, otherClient].map(async ({ id }) => (await theChallenge(current(), id)).deadReason))
    expect(dead).toEqual(['superseded', null, null])
  })

  it('replaces by a new challenge what the same browser asked for before, and nothing by one that nobody is written to', async () => {
    const person = await somebody(current())
    const [mine, others] = [hashOf('mine'), hashOf('theirs')]
    const ask = async (part: Partial<Parameters<typeof challengeOf>[1]> = {}) =>
      await within(current(), (identity) => identity.insertChallenge(challengeOf(person, { bindingHash: mine, ...part })))
    const [own, foreign, invitation] = [
      await ask(),
      await ask({ bindingHash: others }),
      await ask({ kind: 'invitation', bindingHash: null }),
    ]
    for (const { id } of [own, foreign, invitation]) await age(current(), 'login_challenge', id, 5)
    const replace = (by: string) => within(current(), (identity) => identity.replaceChallenges(by))
    expect(await replace((await ask({ mailState: 'dropped' })).id)).toBe(0)
    const [next, nextInvitation] = [await ask(), await ask({ kind: 'invitation', bindingHash: null })]
    expect(await replace(next.id)).toBe(2)
    expect(await theChallenge(current(), own.id)).toMatchObject({ deadReason: 'superseded', mailState: 'dropped' })
    for (const { id } of [foreign, invitation, next]) expect(await theChallenge(current(), id)).toMatchObject({ deadReason: null })
    expect(await replace(nextInvitation.id)).toBe(1)
    expect(await theChallenge(current(), invitation.id)).toMatchObject({ deadReason: 'superseded' })
    expect(await replace('no-id')).toBe(0)
  })

  it('ends by a login all invitations of its address, by whatever application and however new', async () => {
    const person = await somebody(current())
    const elsewhere = { ...person, clientId: (await somebody(current())).clientId }
    const login = await sentChallenge(current(), person)
    const invitation = await sentChallenge(current(), elsewhere, { kind: 'invitation', bindingHash: null })
    const own = await sentChallenge(current(), person, { kind: 'invitation', bindingHash: null })
    const another = await sentChallenge(current(), await somebody(current()), { kind: 'invitation', bindingHash: null })
    expect(await within(current(), (identity) => identity.supersedeChallenges(login.id))).toBe(2)
    const dead = await Promise.all([login, invitation, own, another].map(async ({ id }) => (await theChallenge(current(), id)).deadReason))
    expect(dead).toEqual([null, 'superseded', 'superseded', null])
  })

  it('gives a try back while a challenge is open, and never more than were taken', async () => {
    const { id } = await sentChallenge(current(), await somebody(current()))
    const giveBack = () => within(current(), (identity) => identity.returnTry(id))
    await giveBack()
    expect(await theChallenge(current(), id)).toMatchObject({ tries: 0 })
    for (let attempt = 1; attempt <= 5; attempt++) await within(current(), (identity) => identity.raiseTries(id))
    await giveBack()
    expect(await within(current(), (identity) => identity.raiseTries(id))).toMatchObject({ tries: 5 })
    await within(current(), (identity) => identity.killChallenge(id, 'tries'))
    await giveBack()
    expect(await theChallenge(current(), id)).toMatchObject({ tries: 5 })
  })

  it('kills all open challenges of a user, those too that do not say yet whose they are, and nobody else’s', async () => {
    const person = await somebody(current())
    const other = await somebody(current())
    const sent = await sentChallenge(current(), person, { email: 'former@hospital.example' })
    const consumed = await sentChallenge(current(), person)
    const session = await openSession(current(), person)
    const [waiting, others] = await within(current(), async (identity) => {
      await identity.consumeChallenge(consumed.id, undefined, session.id)
      return [await identity.insertChallenge(challengeOf(person)), await identity.insertChallenge(challengeOf(other))] as const
    })
    await within(current(), (identity) => identity.killChallenges(person.user))
    expect(await theChallenge(current(), sent.id)).toMatchObject({ deadReason: 'deactivated', mailState: 'sent' })
    expect(await theChallenge(current(), waiting.id)).toMatchObject({ deadReason: 'deactivated', mailState: 'dropped' })
    expect(await theChallenge(current(), consumed.id)).toMatchObject({ deadReason: null })
    expect(await theChallenge(current(), others.id)).toEqual(others)
    await within(current(), (identity) => identity.endMail(others.id, 'dropped'))
  })
}

export function mailContract(current: () => TestStore): void {
  it('hands a due mail to one worker for its lease, and again after that', async () => {
    const person = await somebody(current())
    const { id } = await within(current(), (identity) => identity.insertChallenge(challengeOf(person)))
    const take = () => within(current(), (identity) => identity.takeDueMail(id, 60_000))
    const due = async () => (await current().store.identity.listDueMail(100)).map((mail) => mail.id)
    expect(await due()).toContain(id)
    expect(await take()).toMatchObject({ id, mailAttempts: 1, mailState: 'waiting' })
    expect(await take()).toBeUndefined()
    expect(await due()).not.toContain(id)
    await age(current(), 'login_challenge', id, 60_000)
    expect(await take()).toMatchObject({ mailAttempts: 2 })
    await within(current(), (identity) => identity.postponeMail(id, 0))
    expect(await take()).toMatchObject({ mailAttempts: 3 })
    await within(current(), (identity) => identity.endMail(id, 'failed'))
    expect(await take()).toBeUndefined()
  })

  it('counts what waits and for how long, without what nobody needs any more', async () => {
    const before = await current().store.identity.mailBacklog()
    const person = await somebody(current())
    const [old, , dead, over] = await within(current(), async (identity) => [
      await identity.insertChallenge(challengeOf(person)),
      await identity.insertChallenge(challengeOf(person, { mailState: 'dropped' })),
      await identity.insertChallenge(challengeOf(person)),
      await identity.insertChallenge(challengeOf(person)),
    ])
    await age(current(), 'login_challenge', old?.id ?? '', 300_000)
    await age(current(), 'login_challenge', over?.id ?? '', 600_001)
    await within(current(), (identity) => identity.killChallenge(dead?.id ?? '', 'tries'))
    const after = await current().store.identity.mailBacklog()
    expect(after.waiting).toBe(before.waiting + 1)
    expect(after.oldestMs).toBeGreaterThanOrEqual(300_000)
    expect(after.oldestMs).toBeLessThan(600_000)
    expect((await current().store.identity.listDueMail(1)).map((mail) => mail.id)).toEqual([old?.id])
    await within(current(), (identity) => identity.endMail(old?.id ?? '', 'sent'))
  })

  it('lets nobody write for a challenge that ended after its mail was taken', async () => {
    const person = await somebody(current())
    const { id } = await within(current(), (identity) => identity.insertChallenge(challengeOf(person)))
    await within(current(), (identity) => identity.killChallenges(person.user))
    const secrets = { user: person.user, tokenHash: randomBytes(32), codeHash: randomBytes(32) }
    await expect(within(current(), (identity) => identity.prepareMail(id, secrets))).rejects.toMatchObject({ code: 'store_unavailable' })
    expect((await theChallenge(current(), id)).tokenHash).toBeNull()
  })

  it('remembers a mail as sent, whatever a slower worker says later', async () => {
    const { id } = await sentChallenge(current(), await somebody(current()))
    await within(current(), async (identity) => {
      await identity.endMail(id, 'failed')
      await identity.postponeMail(id, 0)
    })
    expect((await theChallenge(current(), id)).mailState).toBe('sent')
  })
}

export function sessionContract(current: () => TestStore): void {
  it('keeps a session as it began, with ends from the database’s clock', async () => {
    const person = await somebody(current())
    const { idleMs, lifeMs, ...row } = sessionOf(person, { authenticatedAtMs: 1_000_000_000_007, cookie: true, epoch: 7 })
    const record = await openSession(current(), person, { ...row, idleMs, lifeMs })
    expect(record).toMatchObject({ ...row, counter: 0, revokedAtMs: null, revokedReason: null })
    expect(record.idleExpiresAtMs - record.createdAtMs).toBe(idleMs)
    expect(record.expiresAtMs - record.createdAtMs).toBe(lifeMs)
    const other = await openSession(current(), person, { idleMs: 2 * DAY_MS, lifeMs: DAY_MS })
    expect(other.idleExpiresAtMs).toBe(other.expiresAtMs)
    expect(other.authenticatedAtMs).toBe(other.createdAtMs)
    const reading = await current().store.identity.findSession(record.id)
    expect(reading.session).toEqual(record)
    expect(reading.readAtMs).toBeGreaterThanOrEqual(record.createdAtMs)
  })

  it('rotates by one, moves the idle end and never the absolute one, and not once it was ended', async () => {
    const person = await somebody(current())
    const { id, expiresAtMs } = await openSession(current(), person, { lifeMs: DAY_MS, idleMs: 1_000 })
    const rotated = await within(current(), (identity) => identity.rotateSession(id, hashOf('other'), 2 * DAY_MS))
    expect(rotated).toMatchObject({ counter: 1, idleExpiresAtMs: expiresAtMs, expiresAtMs })
    expect(Buffer.from(rotated.rotatedAgent ?? [])).toEqual(Buffer.from(hashOf('other')))
    await within(current(), (identity) => identity.revokeSessions({ loginId: id }, 'reuse'))
    await expect(within(current(), (identity) => identity.rotateSession(id, hashOf('o'), DAY_MS))).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    expect(await theSession(current(), id)).toMatchObject({ counter: 1, revokedReason: 'reuse' })
  })

  it('ends the sessions of one login, all others of a user, or those of an application; each once, with its first reason', async () => {
    const [person, other] = [await somebody(current()), await somebody(current())]
    const open = (of: typeof person, loginId?: string) =>
      openSession(current(), { ...of, clientId: other.clientId }, loginId === undefined ? {} : { loginId })
    const [one, two, three, foreign] = [await open(person), await open(person), await open(person), await open(other)]
    const [ofOne, ofTwo] = [await open(person, one.id), await open(person, two.id)]
    expect([one.loginId, ofOne.loginId, ofTwo.loginId]).toEqual([one.id, one.id, two.id])
    const end = (...args: Parameters<Parameters<Parameters<typeof within>[1]>[0]['revokeSessions']>) =>
      within(current(), async (identity) => (await identity.revokeSessions(...args)).map((session) => session.id))
    expect(await end({ loginId: one.id }, 'logout')).toEqual([one.id, ofOne.id].sort())
    expect(await end({ loginId: one.id }, 'administrator')).toEqual([])
    expect(await end({ loginId: ofTwo.id }, 'administrator')).toEqual([])
    expect(await end({ loginId: 'no-id' }, 'administrator')).toEqual([])
    expect(await end({ user: person.user, exceptLoginId: two.id }, 'account')).toEqual([three.id])
    expect(await end({ user: person.user, exceptLoginId: 'no-id' }, 'account')).toEqual([two.id, ofTwo.id].sort())
    expect(await end({ clientId: person.clientId }, 'client')).toEqual([])
    expect(await end({ clientId: other.clientId }, 'client')).toEqual([foreign.id])
    const reasons = await Promise.all([one, two, three, foreign].map(async ({ id }) => (await theSession(current(), id))?.revokedReason))
    expect(reasons).toEqual(['logout', 'account', 'account', 'client'])
  })

  it('ends the oldest sessions beyond a number, not counting what is over', async () => {
    const person = await somebody(current())
    const made = [await openSession(current(), person), await openSession(current(), person), await openSession(current(), person)]
    const [first, second, third] = made.map((session) => session.id)
    await age(current(), 'login_session', first ?? '', 3_000)
    await age(current(), 'login_session', second ?? '', 2_000)
    const over = await openSession(current(), person, { idleMs: 1_000 })
    await age(current(), 'login_session', over.id, 1_000)
    const ended = await within(current(), (identity) => identity.revokeOldestSessions(person.user, 2, 'account'))
    expect(ended.map((session) => session.id)).toEqual([first])
    expect((await theSession(current(), third ?? ''))?.revokedAtMs).toBeNull()
  })

  it('lists live sessions by id in pages: none that was ended, is over, or is of an earlier epoch', async () => {
    const person = await somebody(current())
    const live = [await openSession(current(), person), await openSession(current(), person), await openSession(current(), person)]
    const [ended, idle, over, ofEpoch] = [
      await openSession(current(), person),
      await openSession(current(), person, { idleMs: 1_000 }),
      await openSession(current(), person, { idleMs: DAY_MS, lifeMs: DAY_MS }),
      await openSession(current(), person, { epoch: 1 }),
    ]
    await within(current(), (identity) => identity.revokeSessions({ loginId: ended.id }, 'logout'))
    await age(current(), 'login_session', idle.id, 1_000)
    await age(current(), 'login_session', over.id, DAY_MS)
    const { identity } = current().store
    const first = await identity.listSessions(person.user, { pageSize: 2 })
    const rest = await identity.listSessions(person.user, { pageSize: 2, pageToken: first.nextPageToken ?? '' })
    const expected = live.map((session) => session.id).sort()
    expect([...first.items, ...rest.items].map((session) => session.id)).toEqual(expected)
    expect([first.items.length, rest.nextPageToken]).toEqual([2, undefined])
    const pageToken = Buffer.from('no-id').toString('base64url')
    await expect(identity.listSessions(person.user, { pageSize: 2, pageToken })).rejects.toMatchObject({ code: 'request_invalid' })
    await within(current(), async (_identity, change) => {
      const record = await change.lockUser(person.user)
      if (record !== undefined) await change.updateUser({ ...record, epoch: 1 }, null)
    })
    expect((await identity.listSessions(person.user, { pageSize: 9 })).items.map((session) => session.id)).toEqual([ofEpoch.id])
  })

  it('is at the position of a change as soon as the change has answered', async () => {
    const person = await somebody(current())
    const { id } = await openSession(current(), person)
    const position = await within(current(), async (identity, change) => {
      await identity.revokeSessions({ loginId: id }, 'logout')
      return await change.appendFeed([{ kind: 'user', user: person.user }])
    })
    const reading = await current().store.identity.findSession(id)
    expect(reading).toMatchObject({ session: { revokedReason: 'logout' } })
    expect(reading.position).toBeGreaterThanOrEqual(position)
  })

  it('finds users by their address as it is normalized, in ASCII letters whatever their case', async () => {
    const name = word('Ann')
    const store = async (user: string, email: string) =>
      await within(current(), async (_identity, change) => {
        const { record } = await change.ensureUser(user)
        await change.updateUser({ ...record, email, state: 'invited' }, null)
      })
    const usersOf = async (email: string) => (await current().store.identity.listUsersByEmail(email)).map((user) => user.id)
    await store(`${name}-1`, `${name.replace('Ann', 'Ａnn')}@Hospital.Example`)
    expect(await usersOf(`${name.toLowerCase()}@hospital.example`)).toEqual([`${name}-1`])
    for (const more of [2, 3]) await store(`${name}-${more}`, `${name}@hospital.example`)
    const within2 = await within(current(), (identity) => identity.listUsersByEmail(`${name.toLowerCase()}@hospital.example`))
    expect(within2.map((user) => [user.id, user.state])).toEqual([
      [`${name}-1`, 'invited'],
      [`${name}-2`, 'invited'],
    ])
    // Of a Turkish capital some locales make an i: the address would be another person's.
    await store(`${name}-4`, `İ${name}@hospital.example`)
    expect(await usersOf(`i${name.toLowerCase()}@hospital.example`)).toEqual([])
  })
}
