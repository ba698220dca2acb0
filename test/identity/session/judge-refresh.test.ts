/** The refresh table of the design, row by row, and its edges. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { judgeRefresh, type RefreshQuestion } from '../../../src/identity/session/judge-refresh.ts'

const NOW_MS = 1_000_000
const GRACE_MS = 10_000

type Session = RefreshQuestion['session']
const live: Session = {
  counter: 5,
  epoch: 2,
  rotatedAtMs: NOW_MS - 60_000,
  idleExpiresAtMs: NOW_MS + 60_000,
  expiresAtMs: NOW_MS + 120_000,
  revokedAtMs: null,
}
const justRotated: Session = { ...live, rotatedAtMs: NOW_MS - 5_000 }
const revoked: Session = { ...justRotated, revokedAtMs: NOW_MS - 1 }
const active = { state: 'active', epoch: 2 } as const
const ask = (part: Partial<RefreshQuestion>): RefreshQuestion => ({
  counter: 5,
  session: live,
  account: active,
  nowMs: NOW_MS,
  sameAgent: true,
  graceMs: GRACE_MS,
  ...part,
})
const refused = (reason: string, revoke?: string) => ({ outcome: 'refused', reason, ...(revoke === undefined ? {} : { revoke }) })

describe('a refresh', () => {
  it.each<[string, Partial<RefreshQuestion>, object]>([
    ['the current one of a live session rotates', {}, { outcome: 'rotated' }],
    ['the current one rotates, whatever the agent', { sameAgent: false }, { outcome: 'rotated' }],
    ['the one before gets the same successor at once', { counter: 4, session: justRotated }, { outcome: 'grace' }],
    [
      'the one before, by another agent, ends the session',
      { counter: 4, session: justRotated, sameAgent: false },
      refused('reused by another agent', 'reuse'),
    ],
    ['the one before, later, ends the session', { counter: 4 }, refused('reused', 'reuse')],
    ['the one before that ends the session, also at once', { counter: 3, session: justRotated }, refused('reused', 'reuse')],
    ['the first one of all ends the session', { counter: 0 }, refused('reused', 'reuse')],
    [
      'an old one ends the session of a deactivated account for what it is',
      { counter: 3, account: { state: 'deactivated', epoch: 3 } },
      refused('reused', 'reuse'),
    ],
    ['one that was never issued ends the session', { counter: 6 }, refused('ahead', 'ahead')],
    ['any of a revoked session ends nothing more', { session: revoked }, refused('revoked')],
    ['the just rotated one of a revoked session has no grace', { counter: 4, session: revoked }, refused('revoked')],
    ['an old one of a revoked session ends nothing more', { counter: 1, session: revoked }, refused('revoked')],
    ['one ahead of a revoked session ends nothing more', { counter: 9, session: revoked }, refused('revoked')],
    ['any of a session that was idle for too long is over', { nowMs: live.idleExpiresAtMs }, refused('expired')],
    ['one just before the idle end is good', { nowMs: live.idleExpiresAtMs - 1 }, { outcome: 'rotated' }],
    ['any beyond the absolute end is over', { session: { ...live, idleExpiresAtMs: NOW_MS + 1, expiresAtMs: NOW_MS } }, refused('expired')],
    [
      'the just rotated one of a session that is over has no grace',
      { counter: 4, session: { ...justRotated, expiresAtMs: NOW_MS } },
      refused('expired'),
    ],
    ['a deactivated account ends the session', { account: { state: 'deactivated', epoch: 2 } }, refused('account', 'account')],
    ['an invited account ends the session', { account: { state: 'invited', epoch: 2 } }, refused('account', 'account')],
    [
      'another epoch ends the session, although the account is active',
      { account: { state: 'active', epoch: 3 } },
      refused('account', 'account'),
    ],
    ['no account ends the session', { account: undefined }, refused('account', 'account')],
    [
      'the just rotated one of a deactivated account has no grace',
      { counter: 4, session: justRotated, account: { state: 'deactivated', epoch: 3 } },
      refused('account', 'account'),
    ],
    [
      'the last millisecond of the grace is in it',
      { counter: 4, session: { ...live, rotatedAtMs: NOW_MS - GRACE_MS } },
      { outcome: 'grace' },
    ],
    [
      'the first millisecond after the grace is not',
      { counter: 4, session: { ...live, rotatedAtMs: NOW_MS - GRACE_MS - 1 } },
      refused('reused', 'reuse'),
    ],
    ['a clock set back a little leaves the grace', { counter: 4, session: { ...live, rotatedAtMs: NOW_MS + 50 } }, { outcome: 'grace' }],
    [
      'a clock set back does not make the grace longer',
      { counter: 4, session: { ...live, rotatedAtMs: NOW_MS + 3_600_000 } },
      refused('reused', 'reuse'),
    ],
    [
      'without grace the one before ends the session, even in the same millisecond',
      { counter: 4, session: { ...live, rotatedAtMs: NOW_MS }, graceMs: 0 },
      refused('reused', 'reuse'),
    ],
  ])('%s', (_, part, verdict) => {
    expect(judgeRefresh(ask(part))).toEqual(verdict)
  })

  it('gives something only for the two newest tokens of a session that lives, of an active account of its epoch', () => {
    const time = fc.integer({ min: NOW_MS - 30_000, max: NOW_MS + 30_000 })
    const session = fc.record({
      counter: fc.nat(4),
      epoch: fc.nat(2),
      rotatedAtMs: time,
      idleExpiresAtMs: time,
      expiresAtMs: time,
      revokedAtMs: fc.option(time),
    })
    const account = fc.record({ state: fc.constantFrom('active', 'deactivated', 'invited'), epoch: fc.nat(2) })
    const question = fc.record({
      counter: fc.nat(5),
      session,
      account: fc.option(account, { nil: undefined }),
      nowMs: fc.constant(NOW_MS),
      sameAgent: fc.boolean(),
      graceMs: fc.constantFrom(0, 1, GRACE_MS),
    })
    fc.assert(
      fc.property(question, (asked: RefreshQuestion) => {
        const verdict = judgeRefresh(asked)
        const standing =
          asked.session.revokedAtMs === null &&
          asked.session.expiresAtMs > NOW_MS &&
          asked.session.idleExpiresAtMs > NOW_MS &&
          asked.account?.state === 'active' &&
          asked.account.epoch === asked.session.epoch
        if (verdict.outcome === 'rotated') expect([standing, asked.counter]).toEqual([true, asked.session.counter])
        if (verdict.outcome === 'grace')
          expect([standing, asked.counter, asked.sameAgent, asked.graceMs > 0]).toEqual([true, asked.session.counter - 1, true, true])
        if (verdict.outcome === 'refused' && verdict.revoke !== undefined) expect(asked.session.revokedAtMs).toBeNull()
      }),
      { numRuns: 5_000 },
    )
  })
})
