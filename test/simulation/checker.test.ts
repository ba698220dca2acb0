/** The judge, judged: histories written by hand, good ones and bad ones. */
import { describe, expect, it } from '@jest/globals'
import type { Verdict } from '../../src/model/decision.ts'
import { judge } from './checker.ts'
import type { Answer, CheckRecord, History } from './history.ts'
import { databaseMs, type Version } from './world/database.ts'
import { REVISIONS } from './world/policies.ts'
import type { Row, Rows } from './world/rows.ts'

const [FIRST = '', SECOND = ''] = REVISIONS
const ALLOW: Verdict = { allowed: true, reason: 'ROLE', via: ['reader'] }
const DENY: Verdict = { allowed: false, reason: 'NO_ASSIGNMENT', via: [] }
const READER: Row = { id: 'g', tenant: 't', user: 'u', role: 'reader', validFromMs: 0, expiresAtMs: null }

/** At 0: the user is a reader. At 100: not any more. At 200: again. */
const granted = version(1, 0, undefined, { assignments: [READER] })
const revoked = version(2, 100, granted, { assignments: [] })
const again = version(3, 200, revoked, { assignments: [READER] })

function version(position: number, committedAtMs: number, parent: Version | undefined, rows: Partial<Rows>): Version {
  const policy = { revision: FIRST, position: 1 }
  return {
    number: 10 * position,
    position,
    committedAtMs,
    parent,
    rows: { suspended: [], deactivated: [], assignments: [], policy, ...rows },
    entry: undefined,
    lostAtMs: undefined,
    beside: { incarnation: 1, recoveries: 0, prunedThrough: 0, replicas: new Map() },
  }
}

/** A check of whether the user may read. @param startedAtMs and when it was answered, also in the order of all that happens */
function check(
  startedAtMs: number,
  endedAtMs: number,
  answer: Partial<Answer> | { code: string },
  more: Partial<CheckRecord> = {},
): CheckRecord {
  const full = 'code' in answer ? answer : { verdict: ALLOW, policyRevision: FIRST, position: 1, ...answer }
  return {
    number: 1,
    replica: 'r',
    rate: 1,
    tenant: 't',
    user: 'u',
    permission: 'doc.read',
    minPosition: undefined,
    startedAtMs,
    started: orderOf(startedAtMs),
    healthy: false,
    ended: { atMs: endedAtMs, number: orderOf(endedAtMs) + 1, answer: full },
    ...more,
  }
}

/** Versions are committed at 0, 100 and 200, with the numbers 10, 20 and 30. */
function orderOf(atMs: number): number {
  return 10 + atMs / 10 + 1
}

function rulesBroken(check: CheckRecord, history: Partial<History> = {}): string[] {
  return judge({ versions: [granted, revoked, again], acknowledged: [], ...history, checks: [check] }).map(({ rule }) => rule)
}

describe('an answer', () => {
  it('is right when it is that of the newest version, or of one that was the newest while it was made', () => {
    expect(rulesBroken(check(50, 60, {}))).toEqual([])
    expect(rulesBroken(check(150, 160, { verdict: DENY, position: 2 }))).toEqual([])
    expect(rulesBroken(check(50, 150, {}))).toEqual([])
    expect(rulesBroken(check(50, 150, { verdict: DENY, position: 2 }))).toEqual([])
  })

  it('is wrong when no version decides so, or only one that was committed after it', () => {
    expect(rulesBroken(check(50, 60, { verdict: DENY }))).toEqual(['no version'])
    expect(rulesBroken(check(50, 60, { verdict: { ...ALLOW, via: ['writer'] } }))).toEqual(['no version'])
    expect(rulesBroken(check(50, 60, { verdict: { ...ALLOW, validUntilMs: 7 } }))).toEqual(['no version'])
  })

  it('is wrong when rows and policy are of different versions', () => {
    const policy = { revision: SECOND, position: 3 }
    const activated = version(3, 200, revoked, { assignments: [], policy })
    const history = { versions: [granted, revoked, activated] }
    expect(rulesBroken(check(90, 210, { verdict: DENY, policyRevision: SECOND, position: 3 }), history)).toEqual([])
    expect(rulesBroken(check(90, 210, { policyRevision: SECOND }), history)).toEqual(['no version'])
    expect(rulesBroken(check(90, 210, {}), history)).toEqual([])
  })

  it('may be missing, unless all was well', () => {
    expect(rulesBroken(check(50, 60, { code: 'store_unavailable' }))).toEqual([])
    expect(rulesBroken(check(50, 60, { code: 'store_unavailable' }, { healthy: true }))).toEqual(['not answered'])
    expect(rulesBroken(check(50, 60, {}, { healthy: true, ended: undefined }))).toEqual(['not answered'])
    expect(rulesBroken(check(50, 60, {}, { ended: undefined }))).toEqual([])
  })
})

describe('F1', () => {
  const acknowledged = [{ version: revoked, number: orderOf(120) }]

  it('is broken by an answer from before a change that was acknowledged before the question', () => {
    expect(rulesBroken(check(130, 140, {}), { acknowledged })).toEqual(['F1'])
    expect(rulesBroken(check(130, 140, { verdict: DENY, position: 2 }), { acknowledged })).toEqual([])
  })

  it('is not broken when the question came first', () => {
    expect(rulesBroken(check(110, 140, {}), { acknowledged })).toEqual([])
  })

  it('is not broken by what a later change made so again', () => {
    expect(rulesBroken(check(130, 210, { position: 3 }), { acknowledged })).toEqual([])
  })
})

describe('F2', () => {
  const versions = [granted, revoked]

  it('is broken by an answer from before a change that was committed longer ago than the bound', () => {
    expect(rulesBroken(check(1_050, 1_101, {}), { versions })).toEqual(['F2'])
    expect(rulesBroken(check(1_050, 1_099, {}), { versions })).toEqual([])
  })

  it('is measured on the clock of the replica that answers', () => {
    expect(rulesBroken(check(1_050, 1_101, {}, { rate: 0.99 }), { versions })).toEqual([])
    expect(rulesBroken(check(1_050, 1_095, {}, { rate: 1.01 }), { versions })).toEqual(['F2'])
  })
})

describe('F3', () => {
  it('is broken by an answer from before the position that was asked for', () => {
    expect(rulesBroken(check(110, 120, {}, { minPosition: 2 }))).toEqual(['F3'])
    expect(rulesBroken(check(110, 120, {}, { minPosition: 1 }))).toEqual([])
  })

  it('is broken by an answer that claims a position it is not of', () => {
    expect(rulesBroken(check(110, 120, { position: 2 }))).toEqual(['F3'])
  })
})

describe('a window', () => {
  const endMs = Math.floor(databaseMs(50))
  const temporary: Rows = {
    suspended: [],
    deactivated: [],
    assignments: [{ ...READER, expiresAtMs: endMs }],
    policy: { revision: FIRST, position: 1 },
  }
  const versions = [version(1, 0, undefined, temporary)]
  const during: Verdict = { allowed: true, reason: 'TEMPORARY_GRANT', via: ['reader'], validUntilMs: endMs }
  const over: Verdict = { allowed: false, reason: 'ASSIGNMENT_EXPIRED', via: [], expiredAtMs: endMs }

  it('is open until just before its end, on the clock of the database', () => {
    expect(rulesBroken(check(40, 49, { verdict: during }), { versions })).toEqual([])
    expect(rulesBroken(check(50, 51, { verdict: during }), { versions })).toEqual(['no version'])
    expect(rulesBroken(check(50, 51, { verdict: over }), { versions })).toEqual([])
    expect(rulesBroken(check(40, 49, { verdict: over }), { versions })).toEqual(['no version'])
  })

  it('may be open or closed to a question that its end falls into', () => {
    for (const verdict of [during, over]) expect(rulesBroken(check(40, 60, { verdict }), { versions })).toEqual([])
  })
})

describe('a restore', () => {
  /** The database went away at 300 and came back as of position 1; at 2,000 something else took position 2. */
  const lost = { ...revoked, lostAtMs: 300 }
  const other: Version = { ...version(2, 2_000, granted, { assignments: [READER, { ...READER, id: 'h', role: 'writer' }] }), number: 300 }
  const versions = [granted, lost, other]

  it('takes back what was acknowledged: nobody is asked to know it any more', () => {
    const acknowledged = [{ version: lost, number: orderOf(120) }]
    expect(rulesBroken(check(290, 299, {}), { versions, acknowledged })).toEqual(['F1'])
    expect(rulesBroken(check(310, 320, {}), { versions, acknowledged })).toEqual([])
  })

  it('leaves nobody longer than the bound with what was taken back', () => {
    expect(rulesBroken(check(1_250, 1_299, { verdict: DENY, position: 2 }), { versions })).toEqual([])
    expect(rulesBroken(check(1_250, 1_301, { verdict: DENY, position: 2 }), { versions })).toEqual(['restore'])
  })

  it('does not let what was taken back stand for what was acknowledged after it', () => {
    const acknowledged = [{ version: other, number: 301 }]
    const asked = { started: 302, ended: { atMs: 2_020, number: 303, answer: { verdict: DENY, policyRevision: FIRST, position: 2 } } }
    expect(rulesBroken(check(2_010, 2_020, {}, asked), { versions, acknowledged })).toEqual(['F1'])
  })
})
