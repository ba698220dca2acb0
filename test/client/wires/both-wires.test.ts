/** The client on both wires against the real service: what it answers, and how it fails. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Client, Question } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import { CallerDeniedError, DeniedError, InvalidRequestError, UnauthenticatedError, UnavailableError } from '../../../src/client/errors.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import { deciding, openWires, type Wires } from '../../decision/transport/wires.ts'

/** Long enough for a machine with other things to do; the deadline is tried elsewhere. */
const PATIENT = { deadlineMs: 20_000 }
const READ = 'coding.medical-stay.read'
const VALIDATE = 'coding.medical-stay.validate'
const ANN = { user: 'ann', tenant: 'north' }
const BOB = { user: 'bob', tenant: 'north' }

let wires: Wires
/** Checks of this user fail as many times as it says, as if the database were away. */
const failures = new Map<string, number>()
/** The fault of this question, if it is to fail. */
function away(question: object): StoreError | undefined {
  const user = 'user' in question ? String(question.user) : ''
  const left = failures.get(user) ?? 0
  if (left > 0) failures.set(user, left - 1)
  return left > 0 ? new StoreError('away') : undefined
}
beforeAll(async () => {
  wires = await openWires(
    deciding((real) => ({
      async check(question, signal) {
        const fault = away(question)
        if (fault !== undefined) throw fault
        return await real.check(question, signal)
      },
      async checkBatch(questions, signal) {
        const decisions = await real.checkBatch(questions, signal)
        return decisions.map((decision, index) => away(questions[index] ?? {}) ?? decision)
      },
    })),
  )
})
afterAll(async () => await wires.close())

async function requests(wire: 'grpc' | 'http', method: string): Promise<number> {
  const { body } = await wires.metrics.text()
  const lines = body.split('\n').filter((line) => line.startsWith('castellan_requests_total') && line.includes(`wire="${wire}"`))
  return lines.filter((line) => line.includes(`method="${method}"`)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe.each(['grpc', 'http'] as const)('the client over %s', (wire) => {
  const open = (key: string, options: { readonly retries?: number; readonly deadlineMs?: number } = PATIENT): Client =>
    wire === 'grpc'
      ? createClient({ target: `127.0.0.1:${wires.grpc.port}`, credentials: { key }, ...options })
      : createHttpClient({ url: `http://127.0.0.1:${wires.http.port}`, credentials: { key: async () => key }, ...options })
  const opened: Client[] = []
  const client = (key?: string, options?: { readonly retries?: number; readonly deadlineMs?: number }): Client => {
    const made = open(key ?? wires.keys.decide, options)
    opened.push(made)
    return made
  }
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()))
  })

  it('answers as the service does: check, can, enforce, checkAll in order, listPermissions, bound or not', async () => {
    const asking = client()
    const decision = await asking.check({ ...ANN, permission: READ })
    expect(decision).toMatchObject({ allowed: true, reason: 'ROLE', via: ['coder'] })
    expect(decision.policyRevision).toMatch(/^[0-9a-f]{64}$/)
    expect(decision.decisionId).toMatch(/^[0-9a-f-]{36}$/)
    expect(await asking.can({ ...ANN, permission: READ })).toBe(true)
    expect(await asking.can({ ...BOB, permission: VALIDATE })).toBe(false)
    const bound = asking.for(ANN)
    expect(await bound.can(READ)).toBe(true)
    expect(await bound.enforce(READ)).toMatchObject({ allowed: true })
    const all = await bound.checkAll([READ, { permission: 'finance.read', resource: { amount: 5 } }, VALIDATE])
    expect(all.map(({ allowed, reason }) => [allowed, reason])).toEqual([
      [true, 'ROLE'],
      [false, 'ROLE_LACKS_PERMISSION'],
      [true, 'ROLE'],
    ])
    const list = await bound.listPermissions()
    expect(list.permissions).toEqual([
      { permission: READ, code: 't.0', conditional: false, via: ['coder'] },
      { permission: VALIDATE, code: 't.1', conditional: false, via: ['coder'] },
    ])
    expect(await asking.listPermissions({ user: 'nobody', tenant: 'north' })).toMatchObject({ permissions: [], denied: 'UNKNOWN_USER' })
    expect(await asking.checkAll([])).toEqual([])
  })

  it('carries the end of a grant as a moment', async () => {
    const validUntil = await grantTemporary(`temp-${wire}`)
    const decision = await client().check({ user: `temp-${wire}`, tenant: 'north', permission: 'finance.read' })
    expect(decision).toMatchObject({ allowed: true, reason: 'TEMPORARY_GRANT', validUntil })
  })

  it('enforce rejects a deny as DeniedError with its decision; check and can never do', async () => {
    const fault = await client()
      .enforce({ ...BOB, permission: VALIDATE })
      .catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(DeniedError)
    expect(fault).toMatchObject({ code: 'denied', permission: VALIDATE, decision: { allowed: false, reason: 'ROLE_LACKS_PERMISSION' } })
    expect(await client().check({ ...BOB, permission: VALIDATE })).toMatchObject({ allowed: false })
  })

  it('tells an unknown key, a caller without the tenant and a wrong question apart, and none of them is a deny', async () => {
    const unknown = client('cst_nobody').check({ ...ANN, permission: READ })
    await expect(unknown).rejects.toMatchObject({ name: 'UnauthenticatedError', code: 'unauthenticated' })
    await expect(unknown).rejects.toBeInstanceOf(UnauthenticatedError)
    const limited = client(wires.keys.limited)
    expect(await limited.can({ ...ANN, permission: READ })).toBe(true)
    const elsewhere = { user: 'ann', tenant: 'south', permission: READ }
    await expect(limited.check(elsewhere)).rejects.toBeInstanceOf(CallerDeniedError)
    await expect(limited.checkAll([{ ...ANN, permission: READ }, elsewhere])).rejects.toMatchObject({ code: 'permission_denied' })
    const token = client().check({ accessToken: 'not.a.token', permission: READ })
    await expect(token).rejects.toBeInstanceOf(InvalidRequestError)
    await expect(token).rejects.toMatchObject({ violations: [{ field: 'accessToken' }] })
  })

  it('does not show the key in any error', async () => {
    const key = 'cst_this-key-is-nobodys'
    const fault = await client(key)
      .check({ ...ANN, permission: READ })
      .catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(UnauthenticatedError)
    const { inspect } = await import('node:util')
    expect(inspect(fault, { depth: 20, showHidden: true })).not.toContain(key)
  })

  it('merges the checks of one tick into one request, and each hears its own answer', async () => {
    const asking = client()
    await asking.check({ ...ANN, permission: READ })
    const before = { batch: await requests(wire, 'BatchCheck'), check: await requests(wire, 'Check') }
    const answers = await Promise.all([
      asking.can({ ...ANN, permission: READ }),
      asking.can({ ...BOB, permission: VALIDATE }),
      asking.check({ user: 'ann', tenant: 'south', permission: READ }),
      asking.can({ ...ANN, permission: VALIDATE }, { minPosition: 1 }),
    ])
    expect(answers).toMatchObject([true, false, { allowed: false, reason: 'NO_ASSIGNMENT' }, true])
    // A position is of a whole batch, so what asks with another one goes by itself.
    expect(await requests(wire, 'BatchCheck')).toBe(before.batch + 1)
    expect(await requests(wire, 'Check')).toBe(before.check + 1)
  })

  it('answers merged questions as it answers them alone, in order', async () => {
    const asking = client()
    const question = fc.record({
      user: fc.constantFrom('ann', 'bob', 'nobody'),
      tenant: fc.constantFrom('north', 'south', 'nowhere'),
      permission: fc.constantFrom(READ, VALIDATE, 'finance.read', 'no.such.thing'),
      resource: fc.constantFrom({}, { a: [1, { b: 'ü' }], c: null }),
    })
    const essence = ({ allowed, reason, via }: { allowed: boolean; reason: string; via: readonly string[] }) => ({ allowed, reason, via })
    await fc.assert(
      fc.asyncProperty(fc.array(question, { minLength: 1, maxLength: 20 }), async (questions: Question[]) => {
        const merged = (await Promise.all(questions.map((one) => asking.check(one)))).map(essence)
        expect((await asking.checkAll(questions)).map(essence)).toEqual(merged)
        for (const [index, one] of questions.entries()) expect(essence(await asking.check(one))).toEqual(merged[index])
      }),
      { numRuns: 10 },
    )
  })

  it('one question that fails does not spoil those that travel with it', async () => {
    const asking = client(wires.keys.limited)
    const results = await Promise.allSettled([
      asking.can({ ...ANN, permission: READ }),
      asking.can({ user: 'ann', tenant: 'south', permission: READ }),
      asking.can({ ...BOB, permission: VALIDATE }),
    ])
    expect(results).toMatchObject([
      { status: 'fulfilled', value: true },
      { status: 'rejected', reason: { code: 'permission_denied' } },
      { status: 'fulfilled', value: false },
    ])
  })

  it('asks a thousand and more in batches, in order', async () => {
    const questions = Array.from({ length: 2_345 }, (_, index) => ({
      user: index % 7 === 0 ? 'bob' : 'ann',
      tenant: 'north',
      permission: VALIDATE,
    }))
    const before = await requests(wire, 'BatchCheck')
    const decisions = await client().checkAll(questions)
    expect(decisions.map(({ allowed }) => allowed)).toEqual(questions.map(({ user }) => user === 'ann'))
    expect(await requests(wire, 'BatchCheck')).toBe(before + 3)
  })

  it('cuts batches by their bytes, so that large resources are answered too', async () => {
    const resource = { text: 'x'.repeat(200_000) }
    const decisions = await client().checkAll(Array.from({ length: 12 }, () => ({ ...ANN, permission: READ, resource })))
    expect(decisions.map(({ allowed }) => allowed)).toEqual(Array(12).fill(true))
    const tooLarge = client().check({ ...ANN, permission: READ, resource: { text: 'x'.repeat(1_100_000) } })
    await expect(tooLarge).rejects.toMatchObject({ name: 'InvalidRequestError', code: 'body_too_large' })
  })

  it('asks again what was unavailable, an item of a batch by itself, and only as often as it was told', async () => {
    failures.set('ann', 1)
    expect(await client().can({ ...ANN, permission: READ })).toBe(true)
    failures.set('ann', 1)
    const once = client(undefined, { ...PATIENT, retries: 0 }).check({ ...ANN, permission: READ })
    await expect(once).rejects.toBeInstanceOf(UnavailableError)
    await expect(once).rejects.toMatchObject({ code: 'store_unavailable', ...(wire === 'http' ? { retryAfterSeconds: 1 } : {}) })
    failures.set('ann', 1)
    const both = client().checkAll([
      { ...BOB, permission: READ },
      { ...ANN, permission: READ },
    ])
    expect((await both).map(({ allowed }) => allowed)).toEqual([true, true])
    failures.set('ann', 2)
    await expect(client().check({ ...ANN, permission: READ })).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(failures.get('ann')).toBe(0)
  })

  it('reads its own write: a check with the position of a change sees it, and one of a position that is not known yet is an error', async () => {
    const user = `new-${wire}`
    const { position } = await wires.house.administration.grant(wires.house.context, { tenant: 'north', user, role: 'reader' })
    const decision = await client().check({ user, tenant: 'north', permission: READ }, { minPosition: position })
    expect(decision.allowed).toBe(true)
    expect(decision.position).toBeGreaterThanOrEqual(position)
    const ahead = { minPosition: position + 1_000, deadlineMs: 3_000 }
    await expect(client().check({ user, tenant: 'north', permission: READ }, ahead)).rejects.toBeInstanceOf(UnavailableError)
    await expect(client().listPermissions({ user, tenant: 'north' }, ahead)).rejects.toMatchObject({ code: 'position_not_reached' })
  })

  it('a signal ends one question and not those beside it', async () => {
    const asking = client()
    const gone = new AbortController()
    const [cancelled, other] = [
      asking.check({ ...ANN, permission: READ }, { signal: gone.signal }),
      asking.check({ ...ANN, permission: READ }),
    ]
    gone.abort()
    await expect(cancelled).rejects.toMatchObject({ name: 'UnavailableError', code: 'cancelled' })
    expect((await other).allowed).toBe(true)
    await expect(asking.check({ ...ANN, permission: READ }, { signal: gone.signal })).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('a closed client ends what is under way and answers nothing more', async () => {
    const closing = open(wires.keys.decide)
    const underWay = closing.check({ ...ANN, permission: READ })
    // Heard before it is asked for, as an application would have it.
    const heard = expect(underWay).rejects.toMatchObject({ name: 'UnavailableError', code: 'closed' })
    await closing.close()
    await heard
    await closing.close()
    for (const asking of [
      closing.check({ ...ANN, permission: READ }),
      closing.checkAll([{ ...ANN, permission: READ }]),
      closing.listPermissions(ANN),
    ])
      await expect(asking).rejects.toMatchObject({ code: 'closed' })
  })
})

async function grantTemporary(user: string): Promise<Date> {
  const expiresAtMs = Math.floor(Date.now() / 1_000) * 1_000 + 3_600_123
  await wires.house.administration.grant(wires.house.context, { tenant: 'north', user, role: 'clerk', expiresAtMs })
  return new Date(expiresAtMs)
}
