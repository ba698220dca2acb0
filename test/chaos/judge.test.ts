/** The judge of recorded histories, on histories written by hand: it accuses what is certain, and nothing else. */
import { describe, expect, it } from '@jest/globals'
import type { Answer, Change, Check, Effect, History } from './history.ts'
import { judge, PROMISES, type Promised, rolesOf } from './judge.ts'

const READER = new Map([['reader', new Set(['page.read'])]])
const NOBODY = new Map([['reader', new Set<string>()]])

/** One change a position, begun at its own tens of milliseconds: position 3 at 30. */
const change = (position: number, ...effects: Effect[]): Change => ({ position, startedAt: position * 10, effects })
const grant = (id: string, window: { from?: number; until?: number } = {}): Effect => ({
  kind: 'grant',
  tenant: 'north',
  user: 'ann',
  id,
  role: 'reader',
  validFromMs: window.from ?? 0,
  expiresAtMs: window.until ?? null,
})
const revoke = (id: string): Effect => ({ kind: 'revoke', tenant: 'north', user: 'ann', id })
const policy = (revision: string): Effect => ({ kind: 'policy', revision })

const answer = (text: string, position: number, policyRevision = 'r1'): Answer => {
  const [allowed, reason = ''] = text.split(' ')
  return { kind: 'answer', allowed: allowed === 'allow', reason, position, policyRevision }
}
const check = (startedAt: number, outcome: Check['outcome'], more: Partial<Check> = {}): Check => ({
  startedAt,
  endedAt: startedAt + 5,
  replica: '1',
  wire: 'http',
  tenant: 'north',
  user: 'ann',
  permission: 'page.read',
  outcome,
  ...more,
})

/** Ann is granted the role at position 2 and loses it at 3, which is acknowledged as effective at 100. */
const story = (more: Partial<History>): History => ({
  boundMs: 1_000,
  changes: [change(1, policy('r1')), change(2, grant('a')), change(3, revoke('a'))],
  acknowledgements: [{ at: 100, position: 3, effective: true }],
  checks: [],
  policies: new Map([
    ['r1', READER],
    ['r2', NOBODY],
  ]),
  offset: { leastMs: 1_000_000, mostMs: 1_000_002 },
  outages: [],
  ...more,
})

/** What was found, without what was not. */
function found(history: History): Partial<Record<Promised, number>> {
  const { counts } = judge(history)
  return Object.fromEntries(PROMISES.filter((promise) => counts[promise] > 0).map((promise) => [promise, counts[promise]]))
}

describe('what is answered before and after an acknowledged revocation', () => {
  it('accuses an allow that was asked for after the acknowledgement, whatever position it claims', () => {
    expect(found(story({ checks: [check(101, answer('allow ROLE', 2))] }))).toEqual({ F1: 1 })
    expect(found(story({ checks: [check(101, answer('allow ROLE', 3))] }))).toEqual({ F1: 1 })
  })

  it('accuses a true answer that names a position from before the acknowledgement', () => {
    expect(found(story({ checks: [check(101, answer('deny NO_ASSIGNMENT', 2))] }))).toEqual({ F1: 1 })
  })

  it('takes either answer while the revocation is under way', () => {
    expect(found(story({ checks: [check(99, answer('allow ROLE', 2)), check(50, answer('deny NO_ASSIGNMENT', 3))] }))).toEqual({})
  })

  it('accuses an answer from before the revocation was begun of being true at no time', () => {
    expect(found(story({ checks: [check(20, answer('deny NO_ASSIGNMENT', 3), { endedAt: 29 })] }))).toEqual({ truth: 1 })
  })

  it('accuses a reason that was never true, though the decision is the right one', () => {
    expect(found(story({ checks: [check(200, answer('deny ACCOUNT_DEACTIVATED', 3))] }))).toEqual({ truth: 1 })
  })

  it('accuses an answer that differs from what was true at the position that it names', () => {
    expect(found(story({ checks: [check(50, answer('allow ROLE', 3))] }))).toEqual({ F3: 1 })
  })

  it('tells the accused answer in words', () => {
    const [example] = judge(story({ checks: [check(101, answer('allow ROLE', 2))] })).examples
    expect(example?.text).toBe(
      'replica 1 over http, asked at 0.101 s (ann in north, page.read), answered at 0.106 s: allow ROLE at position 2, policy r1; ' +
        'position 3 was acknowledged as effective before',
    )
  })
})

describe('what is answered without an acknowledgement', () => {
  const unwaited = { acknowledgements: [{ at: 100, position: 3, effective: false }] }

  it('takes the old answer for as long as the bound after the change was answered, and accuses it then', () => {
    expect(found(story({ ...unwaited, checks: [check(1_099, answer('allow ROLE', 2))] }))).toEqual({})
    expect(found(story({ ...unwaited, checks: [check(1_100, answer('allow ROLE', 2))] }))).toEqual({ F2: 1 })
  })

  it('gives a client that decided by itself its own bound on top, binds it to no acknowledgement, and accuses it then', () => {
    const alone = { staleMs: 1_000, wire: 'local' } as const
    for (const effective of [true, false]) {
      const acknowledgements = [{ at: 100, position: 3, effective }]
      expect(found(story({ acknowledgements, checks: [check(2_099, answer('allow ROLE', 2), alone)] }))).toEqual({})
      const late = story({ acknowledgements, checks: [check(2_100, answer('allow ROLE', 2), alone)] })
      expect(found(late)).toEqual({ F2: 1 })
      expect(judge(late).ofLocal).toBe(1)
    }
    // Asked long ago, and decided just now.
    const asked = (decidedAt: number) => ({ ...check(50, answer('allow ROLE', 2), alone), decidedAt, endedAt: decidedAt + 1 })
    expect(found(story({ checks: [asked(2_099)] }))).toEqual({})
    expect(found(story({ checks: [asked(2_100)] }))).toEqual({ F2: 1 })
    // What the service decided for it is held to what the service promises.
    expect(found(story({ checks: [check(101, answer('allow ROLE', 2), { wire: 'local' })] }))).toEqual({ F1: 1 })
  })

  it('takes either answer for ever while nobody knows whether the change was committed', () => {
    const lost = { acknowledgements: [], changes: [change(1, policy('r1')), change(2, grant('a')), change(3, revoke('a'))] }
    expect(found(story({ ...lost, checks: [check(9_000, answer('allow ROLE', 2)), check(9_010, answer('allow ROLE', 2))] }))).toEqual({})
  })

  it('takes an answer made from a position as proof that it was committed', () => {
    const seen = check(300, answer('deny NO_ASSIGNMENT', 3))
    expect(found(story({ acknowledgements: [], checks: [seen, check(1_304, answer('allow ROLE', 2))] }))).toEqual({})
    expect(found(story({ acknowledgements: [], checks: [seen, check(1_305, answer('allow ROLE', 2))] }))).toEqual({ F2: 1 })
  })

  it('accuses an answer that is older than the position asked for', () => {
    expect(found(story({ ...unwaited, checks: [check(101, answer('allow ROLE', 2), { minPosition: 3 })] }))).toEqual({ F3: 1 })
    expect(found(story({ ...unwaited, checks: [check(101, answer('allow ROLE', 3), { minPosition: 3 })] }))).toEqual({ F3: 1 })
    expect(found(story({ ...unwaited, checks: [check(101, answer('deny NO_ASSIGNMENT', 3), { minPosition: 3 })] }))).toEqual({})
  })

  it('accuses nobody who answers that nothing can be decided', () => {
    const refused = { kind: 'failure', code: 'store_unavailable', retryAfter: true } as const
    expect(found(story({ checks: [check(5_000, refused)] }))).toEqual({})
  })
})

describe('account, tenant and policy', () => {
  const closed = (effect: Effect) =>
    story({
      changes: [change(1, policy('r1')), change(2, grant('a')), change(3, effect)],
      checks: [check(101, answer('allow ROLE', 3))],
    })

  it('are part of what an answer must not be older than', () => {
    expect(found(closed({ kind: 'account', user: 'ann', deactivated: true }))).toEqual({ F1: 1 })
    expect(found(closed({ kind: 'tenant', tenant: 'north', suspended: true }))).toEqual({ F1: 1 })
    expect(found(closed({ kind: 'account', user: 'bob', deactivated: true }))).toEqual({})
    expect(found(closed(policy('r2')))).toEqual({ F1: 1 })
  })

  it('take a policy that is newer than the state beside it, and none that is older', () => {
    const changes = [change(1, policy('r1')), change(2, grant('a')), change(3, policy('r2')), change(4, grant('b'))]
    const asked = (text: string, position: number, revision: string) =>
      found(story({ changes, acknowledgements: [], checks: [check(60, answer(text, position, revision))] }))
    expect(asked('deny ROLE_LACKS_PERMISSION', 2, 'r2')).toEqual({})
    expect(asked('allow ROLE', 2, 'r1')).toEqual({})
    expect(asked('allow ROLE', 4, 'r1')).toEqual({ F3: 1 })
    expect(asked('allow ROLE', 2, 'r3')).toEqual({ truth: 1 })
  })

  it('take a policy that came back for what it is, not for the one that it was', () => {
    const changes = [change(1, policy('r1')), change(2, grant('a')), change(3, policy('r2')), change(4, policy('r1'))]
    const acknowledgements = [{ at: 100, position: 4, effective: true }]
    expect(found(story({ changes, acknowledgements, checks: [check(101, answer('allow ROLE', 4))] }))).toEqual({})
    expect(found(story({ changes, acknowledgements, checks: [check(101, answer('deny ROLE_LACKS_PERMISSION', 4, 'r2'))] }))).toEqual({
      F1: 1,
    })
  })
})

describe('windows', () => {
  /** Granted from 1,001,000 to 1,002,000 of the database's time: about 1,000 to 2,000 of ours. */
  const temporary = (...checks: Check[]) =>
    story({
      changes: [change(1, policy('r1')), change(2, grant('a', { from: 1_001_000, until: 1_002_000 }))],
      acknowledgements: [{ at: 100, position: 2, effective: true }],
      checks,
    })

  it('accuse an allow only where it was certainly asked for after the end', () => {
    expect(found(temporary(check(1_999, answer('allow TEMPORARY_GRANT', 2))))).toEqual({})
    expect(found(temporary(check(2_000, answer('allow TEMPORARY_GRANT', 2))))).toEqual({ window: 1 })
  })

  it('accuse an allow that was certainly had before the beginning, and a deny that says so after it', () => {
    expect(found(temporary(check(990, answer('allow TEMPORARY_GRANT', 2), { endedAt: 997 })))).toEqual({ truth: 1 })
    expect(found(temporary(check(990, answer('allow TEMPORARY_GRANT', 2), { endedAt: 998 })))).toEqual({})
    expect(found(temporary(check(999, answer('deny NOT_YET_VALID', 2))))).toEqual({})
    expect(found(temporary(check(1_000, answer('deny NOT_YET_VALID', 2))))).toEqual({ window: 1 })
  })

  it('take what is true at any moment of a check that lasted over both edges', () => {
    const long = (text: string) => check(900, answer(text, 2), { endedAt: 2_500 })
    expect(found(temporary(long('deny NOT_YET_VALID'), long('allow TEMPORARY_GRANT'), long('deny ASSIGNMENT_EXPIRED')))).toEqual({})
    expect(found(temporary(long('deny NO_ASSIGNMENT')))).toEqual({ truth: 1 })
  })
})

describe('keys and outages', () => {
  const keyed = (startedAt: number, outcome: Check['outcome']) => check(startedAt, outcome, { caller: 'k' })
  const unauthenticated = { kind: 'failure', code: 'unauthenticated', retryAfter: false } as const
  const changes = [
    change(1, policy('r1')),
    change(2, grant('a')),
    change(3, { kind: 'key', caller: 'k', valid: true }),
    change(4, { kind: 'key', caller: 'k', valid: false }),
  ]

  it('accuse an answer to a key whose revocation was acknowledged, and a refusal of one that was acknowledged and not revoked', () => {
    const made = { at: 32, position: 3, effective: true }
    const ended = { at: 50, position: 4, effective: true }
    const asked = (one: Check) => found(story({ changes, acknowledgements: [made, ended], checks: [one] }))
    expect(asked(keyed(51, answer('allow ROLE', 4)))).toEqual({ F1: 1 })
    expect(asked(keyed(45, answer('allow ROLE', 3)))).toEqual({})
    expect(asked(keyed(51, unauthenticated))).toEqual({})
    expect(asked({ ...keyed(33, unauthenticated), endedAt: 39 })).toEqual({ F1: 1 })
    expect(asked({ ...keyed(33, unauthenticated), endedAt: 41 })).toEqual({})
  })

  it('accuse any decision, a deny too, that was made while nothing could be known', () => {
    const outages = [{ from: 4_000, until: 5_000 }]
    const asked = (startedAt: number) => found(story({ outages, checks: [check(startedAt, answer('deny NO_ASSIGNMENT', 3))] }))
    expect(asked(3_999)).toEqual({})
    expect(asked(4_000)).toEqual({ outage: 1 })
    expect(asked(4_996)).toEqual({})
  })
})

describe('access tokens', () => {
  const roots = { session: 's', epoch: 0, kid: 'k' }
  /** Ann has the role from position 2 on; her session began after it, and its key is published since 3. Position 4 is acknowledged at 100. */
  const presented = (effect: Effect, ...checks: Check[]) =>
    story({
      changes: [
        change(1, policy('r1')),
        change(2, grant('a')),
        change(3, { kind: 'signing-key', kid: 'k', published: true }),
        change(4, effect),
      ],
      acknowledgements: [{ at: 100, position: 4, effective: true }],
      checks: checks.map((one) => ({ ...one, token: roots })),
    })
  const ended: Effect = { kind: 'session-end', session: 's' }
  const raised: Effect = { kind: 'account', user: 'ann', deactivated: false, epoch: 1 }
  const retired: Effect = { kind: 'signing-key', kid: 'k', published: false }

  it.each([
    ['session ended', ended, 'deny TOKEN_REVOKED'],
    ['account was cut off', raised, 'deny TOKEN_REVOKED'],
    ['account was deactivated', { ...raised, deactivated: true }, 'deny ACCOUNT_DEACTIVATED'],
    ['key was retired', retired, 'deny TOKEN_INVALID'],
  ] as const)('accuse an allow by a token whose %s as acknowledged, and take what is said instead', (_what, effect, instead) => {
    const history = presented(effect, check(101, answer('allow ROLE', 4)))
    expect(found(history)).toEqual({ F1: 1 })
    expect(judge(history).ofTokens).toBe(instead === 'deny ACCOUNT_DEACTIVATED' ? 0 : 1)
    expect(found(presented(effect, check(101, answer('allow ROLE', 3))))).toEqual({ F1: 1 })
    expect(found(presented(effect, check(101, answer(instead, 4))))).toEqual({})
  })

  it('take either answer while the end is under way, and after one that nobody was told of until something proves it', () => {
    expect(found(presented(ended, check(99, answer('allow ROLE', 3)), check(50, answer('deny TOKEN_REVOKED', 4))))).toEqual({})
    expect(found({ ...presented(ended, check(9_000, answer('allow ROLE', 3))), acknowledgements: [] })).toEqual({})
    const unwaited = [{ at: 100, position: 4, effective: false }]
    expect(found({ ...presented(ended, check(1_099, answer('allow ROLE', 3))), acknowledgements: unwaited })).toEqual({})
    expect(found({ ...presented(ended, check(1_100, answer('allow ROLE', 3))), acknowledgements: unwaited })).toEqual({ F2: 1 })
  })

  it('accuse a refusal of a token that nothing has touched, whatever it says', () => {
    const other: Effect = { kind: 'session-end', session: 'another' }
    for (const reason of ['TOKEN_REVOKED', 'TOKEN_INVALID']) {
      const history = presented(other, check(101, answer(`deny ${reason}`, 4)))
      expect(Object.values(found(history))).toEqual([1])
      expect(judge(history).ofTokens).toBe(1)
    }
  })

  it('take a refusal after a login only for as long as a replica may not have learned that the account is open again', () => {
    const anew = (startedAt: number, position: number) => {
      const history = presented(raised, check(startedAt, answer('deny TOKEN_REVOKED', position)))
      return found({ ...history, checks: history.checks.map((one) => ({ ...one, token: { ...roots, epoch: 1 } })) })
    }
    expect(anew(99, 3)).toEqual({})
    expect(anew(101, 3)).toEqual({ F1: 1 })
    expect(anew(101, 4)).toEqual({ F1: 1 })
  })

  it('accuse an answer to a token that was given before the key was made of nothing, and after it was known of everything', () => {
    expect(found(presented(ended, check(50, answer('deny TOKEN_INVALID', 2))))).toEqual({})
    expect(found(presented(raised, check(101, answer('deny TOKEN_INVALID', 4))))).toEqual({ F1: 1 })
  })

  it('take a session for ended from where its account was cut off, also beside a state of the account from before', () => {
    const cut: Effect = { ...raised, deactivated: true }
    expect(found(presented(cut, check(60, answer('deny TOKEN_REVOKED', 3))))).toEqual({})
    expect(found(presented(cut, check(101, answer('deny TOKEN_REVOKED', 4))))).toEqual({ F1: 1 })
  })

  it('take an answer whose session is of another position than its roles, and none that is older than it says', () => {
    // The role goes at 3 and the session at 4: a replica that read the session before both may still answer from the roles after.
    const mixed = (position: number) => {
      const history = presented(ended, check(60, answer('deny NO_ASSIGNMENT', position)))
      const changes = [
        change(1, policy('r1'), { kind: 'signing-key', kid: 'k', published: true }),
        change(2, grant('a')),
        change(3, ended),
        change(4, revoke('a')),
      ]
      return found({ ...history, changes, acknowledgements: [] })
    }
    expect(mixed(2)).toEqual({})
    expect(mixed(3)).toEqual({ F3: 1 })
  })
})

it('the permissions of roles are read from the canonical text of a revision', () => {
  const text = '{"roles":[{"grants":[{"permission":"a.b.c"}],"name":"one"},{"grants":[],"name":"two"}]}'
  expect(rolesOf(text)).toEqual(
    new Map([
      ['one', new Set(['a.b.c'])],
      ['two', new Set()],
    ]),
  )
})
