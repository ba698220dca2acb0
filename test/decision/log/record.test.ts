/** What a record says of a decision, and what nobody gets to see. */
import { describe, expect, it } from '@jest/globals'
import { denyToken } from '../../../src/decision/decide.ts'
import { idleAttributes, MASK_PATHS, MASKED, type Mask, parseMask } from '../../../src/decision/log/mask.ts'
import { recordOf } from '../../../src/decision/log/record.ts'
import type { Decision } from '../../../src/model/decision.ts'
import { answersOf, decided, decisionOf, held, POLICY } from './decided.ts'

const record = (...of: Parameters<typeof decisionOf>) => recordOf(decided(decisionOf(...of)), 'replica-1', 1)

describe('a record', () => {
  it('has who asked what of whom, the answer, and what it rests on', () => {
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true }
    const decision = decisionOf('d-1', [held('a-2', 'reader'), held('a-1', 'sender'), held('a-3', 'clerk', 'past')], { permission: 'q.r' })
    expect(recordOf(decided(decision, { trace, wire: 'http', method: 'BatchCheck' }), 'replica-1', 1)).toEqual({
      type: 'decision',
      id: 'd-1',
      at: '2026-11-22T10:00:00.000Z',
      replica: 'replica-1',
      method: 'BatchCheck',
      wire: 'http',
      requestId: 'request-1',
      trace: trace.traceId,
      span: trace.spanId,
      caller: { id: 'caller-1', name: 'billing' },
      user: 'ann',
      tenant: 'acme',
      permission: 'quote.read',
      code: 'q.r',
      risk: 'normal',
      allowed: true,
      reason: 'ROLE',
      via: ['reader', 'sender'],
      assignments: ['a-1', 'a-2'],
      roles: ['reader', 'sender'],
      policyRevision: POLICY.revision,
      position: 7,
      level: 'memory',
      durationMs: 1.235,
      sampled: 1,
    })
  })

  it.each([
    [
      'the condition said no',
      [held('a-1', 'sender'), held('a-2', 'reader')],
      { permission: 'quote.send', resource: { amount: 11 } },
      'CONDITION_FAILED',
      ['a-1'],
    ],
    ['the resource is missing', [held('a-1', 'sender')], { permission: 'quote.send' }, 'RESOURCE_REQUIRED', ['a-1']],
    [
      'the window is over',
      [held('a-2', 'clerk', 'past'), held('a-1', 'reader')],
      { permission: 'payout.create' },
      'ASSIGNMENT_EXPIRED',
      ['a-2'],
    ],
    [
      'the window is to come',
      [held('a-3', 'clerk', 'future'), held('a-2', 'clerk', 'past'), held('a-1', 'reader')],
      { permission: 'payout.create' },
      'NOT_YET_VALID',
      ['a-3'],
    ],
    ['no role carries it', [held('a-1', 'reader')], { permission: 'payout.create' }, 'ROLE_LACKS_PERMISSION', []],
    ['nobody knows it', [held('a-1', 'reader')], { permission: 'nothing.known' }, 'UNKNOWN_PERMISSION', []],
  ] as const)('names the assignments whose window or condition denied: %s', (_, assignments, question, reason, ids) => {
    expect(record('d-1', assignments, question)).toMatchObject({ allowed: false, reason, via: [], assignments: ids })
  })

  it('of a token that proves nobody has neither user nor tenant, and says that nothing was looked up', () => {
    const refused: Decision = {
      ...denyToken('TOKEN_INVALID'),
      ...{ decisionId: 'd-1', policyRevision: POLICY.revision, position: 7 },
      basis: { permissions: ['quote.read'], policy: POLICY },
    }
    const made = recordOf(decided(refused), 'replica-1', 1)
    expect(made).toMatchObject({ allowed: false, reason: 'TOKEN_INVALID', assignments: [], roles: [] })
    expect(Object.keys(made)).not.toEqual(expect.arrayContaining(['user', 'tenant', 'level']))
  })

  it('keeps of a resource its id and type, and no attribute that the catalogue does not list', () => {
    const resource = { id: 'q-1', type: 'quote', amount: 5, customer: 'secret-customer', tags: ['x'], more: { secret: true } }
    expect(record('d-1', [held('a-1', 'sender')], { permission: 'q.s', resource }).resource).toEqual({
      ...{ id: 'q-1', type: 'quote' },
      attributes: { amount: 5, tags: ['x'] },
    })
    expect(record('d-1', [held('a-1', 'reader')], { permission: 'q.r', resource }).resource).toEqual({ id: 'q-1', type: 'quote' })
    expect(record('d-1', [held('a-1', 'reader')], { permission: 'nothing.known', resource: { customer: 'x' } })).not.toHaveProperty(
      'resource',
    )
    expect(JSON.stringify(record('d-1', [held('a-1', 'sender')], { permission: 'q.s', resource }))).not.toContain('secret')
  })

  it('has of a permission that nobody knows what can be a name or a code, and nothing else that a caller put there', () => {
    const texts = ['ann.secret@example.org', 'Ann Example', 'x'.repeat(300), 'q..r', '', 'quote.read; secret']
    for (const permission of texts) expect(record('d-1', [], { permission })).toMatchObject({ permission: '[unknown]' })
    for (const permission of ['quote.drop', 'q.d']) expect(record('d-1', [], { permission })).toMatchObject({ permission })
    const many = recordOf(decided(answersOf('d-1', [], [...texts, 'quote.drop', 'q.r'])), 'replica-1', 1)
    expect(many.permissions?.map((one) => one.permission)).toEqual([...texts.map(() => '[unknown]'), 'quote.drop', 'quote.read'])
  })

  it('is of a bounded size, whatever a caller sends along', () => {
    const resource = {
      id: 'i'.repeat(100_000),
      type: 't'.repeat(100_000),
      amount: 1,
      tags: Array.from({ length: 9_999 }, () => 'x'.repeat(9_999)),
    }
    expect(JSON.stringify(record('d-1', [held('a-1', 'sender')], { permission: 'q.s', resource })).length).toBeLessThan(110_000)
  })

  it('of many permissions is one, with each answer in order, the roles that allowed one, and a reason only when it decided all', () => {
    const answer = answersOf('d-1', [held('a-1', 'reader'), held('a-2', 'clerk')], ['q.r', 'quote.send', 'nothing.known'])
    const made = recordOf(decided(answer), 'replica-1', 1)
    expect(made).toMatchObject({
      ...{ method: 'CheckPermissions', allowed: false, via: ['reader'], assignments: ['a-1'], roles: ['clerk', 'reader'] },
      permissions: [
        { permission: 'quote.read', code: 'q.r', allowed: true },
        { permission: 'quote.send', code: 'q.s', allowed: false },
        { permission: 'nothing.known', allowed: false },
      ],
    })
    expect(made).not.toHaveProperty('permission')
    expect(made).not.toHaveProperty('reason')
    expect(recordOf(decided({ ...answer, denied: 'ACCOUNT_DEACTIVATED' }), 'replica-1', 1)).toMatchObject({ reason: 'ACCOUNT_DEACTIVATED' })
  })
})

const MASKABLE =
  'can be masked: user, requestId, caller.name, resource.type, resource.id, resource.attributes, assignments, resource.attributes.<name>'

function maskOf(text: string): Mask {
  const mask = parseMask(text)
  if (typeof mask === 'string') throw new Error(mask)
  return mask
}

describe('a mask', () => {
  const resource = { id: 'q-1', type: 'quote', amount: 5, tags: ['x'] }
  const whole = record('d-1', [held('a-1', 'sender')], { permission: 'q.s', resource })

  it.each([
    ['user', { user: MASKED }],
    ['requestId', { requestId: MASKED }],
    ['caller.name', { caller: { id: 'caller-1', name: MASKED } }],
    ['resource.id', { resource: { id: MASKED, type: 'quote', attributes: { amount: 5, tags: ['x'] } } }],
    ['resource.attributes.amount', { resource: { id: 'q-1', type: 'quote', attributes: { amount: MASKED, tags: ['x'] } } }],
    ['resource.attributes', { resource: { id: 'q-1', type: 'quote', attributes: { amount: MASKED, tags: MASKED } } }],
    ['assignments', { assignments: [MASKED] }],
  ])('of %s hides this and nothing else', (path, changed) => {
    expect(maskOf(path).of(whole)).toEqual({ ...whole, ...changed })
  })

  it('hides everything that it can name', () => {
    const masked = JSON.stringify(maskOf(MASK_PATHS.join(',')).of(whole))
    for (const value of ['ann', 'request-1', 'billing', 'q-1', '"quote"', '"a-1"']) expect(masked).not.toContain(value)
  })

  it('makes nothing up where there is nothing to hide', () => {
    const bare = record('d-1', [], { permission: 'q.r' })
    expect(maskOf('resource.id, resource.attributes.amount, assignments').of(bare)).toEqual(bare)
  })

  it.each([
    ['usr', '"usr" is nothing that can be masked; did you mean "user"?'],
    ['user,', `has nothing where a path should be; ${MASKABLE}`],
    [',', `has nothing where a path should be; ${MASKABLE}`],
    ['user.name', `"user.name" is nothing that can be masked; ${MASKABLE}`],
    ['constructor', `"constructor" is nothing that can be masked; ${MASKABLE}`],
    ['resource.attributes.', '"resource.attributes." is nothing that can be masked; did you mean "resource.attributes"?'],
  ])('refuses what it does not know: %s', (text, fault) => {
    expect(parseMask(text)).toBe(fault)
  })

  it.each(['tenant', 'permission', 'via', 'roles', 'caller', 'caller.id', 'allowed', 'reason'])(
    'leaves what was decided, for whom and by which role: %s',
    (path) => {
      expect(parseMask(`user,${path}`)).toBe(
        `"${path}" cannot be masked: readers are kept to their tenants, and reports counted, by what is decided for whom; ${MASKABLE}`,
      )
    },
  )

  it.each([
    ['resource.attributes.id', 'name resource.id'],
    ['resource.attributes.type', 'name resource.type'],
    ['resource', 'name what of it'],
  ])('refuses %s, which would hide less than it says', (path, hint) => {
    expect(parseMask(path)).toContain(hint)
  })

  it('tells attributes that nothing logs from those that something does', () => {
    const mask = maskOf('user,resource.attributes.amount,resource.attributes.ammount,resource.attributes.tags')
    expect(idleAttributes(mask, [{ log: ['amount'] }, {}, { log: ['tags', 'other'] }])).toEqual(['ammount'])
    expect(idleAttributes(maskOf('resource.attributes'), [])).toEqual([])
  })
})
