import { afterAll, beforeAll, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { httpForm } from '../../../src/decision/translate/wire-form.ts'
import { decisionOperations } from '../../../src/decision/transport/decision-operations.ts'
import { UnauthenticatedError } from '../../../src/model/error-code.ts'
import { knownError } from '../../../src/wire/error-table.ts'
import { openTokenWires, type TokenWires } from './token-wires.ts'

let wires: TokenWires
/** Good ones: what is near to them goes deepest. */
let good: { readonly person: string; readonly service: string }
beforeAll(async () => {
  wires = await openTokenWires()
  const { id } = (await wires.house.administration.createCaller(wires.house.context, { name: 'one', scopes: ['decide'] })).record
  good = { person: await wires.tokenOf(await wires.begin('ann')), service: await wires.serviceToken({ sub: id, client_id: id }) }
}, 300_000)
afterAll(() => wires.close())

const base64 = fc.oneof(fc.string({ maxLength: 12 }), fc.json({ maxDepth: 1 })).map((text) => Buffer.from(text).toString('base64url'))

/** Texts of every distance from a token: no form at all, three parts of anything, and a good one with a part or a character replaced. */
function texts(): fc.Arbitrary<string> {
  const token = fc.constantFrom(good.person, good.service)
  const header = fc
    .record(
      {
        alg: fc.oneof(fc.constantFrom<unknown>('ES256', 'none', 'HS256', 'RS256', 'EdDSA'), fc.jsonValue({ maxDepth: 1 })),
        kid: fc.oneof(
          fc.constant<unknown>(wires.key.kid),
          fc.constantFrom('__proto__', 'constructor', '../x'),
          fc.jsonValue({ maxDepth: 1 }),
        ),
        typ: fc.oneof(fc.constant<unknown>('at+jwt'), fc.jsonValue({ maxDepth: 1 })),
        crit: fc.jsonValue({ maxDepth: 1 }),
        jku: fc.string({ maxLength: 10 }),
      },
      { requiredKeys: [] },
    )
    .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
  const part = fc.oneof(base64, header, fc.string({ maxLength: 5 }))
  const replaced = fc.tuple(token, fc.nat(2), part).map(([text, index, other]) => text.split('.').toSpliced(index, 1, other).join('.'))
  const changed = fc.tuple(token, fc.nat(1_000), fc.string({ minLength: 1, maxLength: 1 })).map(([text, at, other]) => {
    const where = at % text.length
    return text.slice(0, where) + other + text.slice(where + 1)
  })
  return fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.tuple(part, part, part).map((parts) => parts.join('.')),
    { weight: 2, arbitrary: replaced },
    changed,
  )
}

it('an access token of any text is a deny or a fault of the request, never ours and never an allow, 25,000 times', async () => {
  const { decisions, history } = wires.needs
  const { Check } = decisionOperations({ decisions, history, decided: () => undefined, batchDecided: () => undefined })
  const call = { caller: wires.house.admin, requestId: 'one', signal: new AbortController().signal, receivedMs: 0, trace: undefined }
  const plainOf = (accessToken: unknown) => ({ accessToken, permission: 'coding.medical-stay.read' })
  expect(await Check(plainOf(good.person), call, httpForm)).toMatchObject({ allowed: true })
  const values = fc.sample(
    fc.oneof({ weight: 20, arbitrary: texts() as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) }),
    25_000,
  )
  for (const value of [...values, 'a.'.repeat(4_000), `${'a'.repeat(4_000)}.b.c`]) {
    if (value === good.person) continue
    const answer = await Check(plainOf(value), call, httpForm).catch((fault: unknown) => knownError(fault))
    const fine = 'row' in answer ? (answer as { row: { http: number } }).row.http === 400 : answer['reason'] === 'TOKEN_INVALID'
    if (!fine) throw new Error(`unexpected for ${JSON.stringify(value)}: ${JSON.stringify(answer)}`)
  }
}, 300_000)

it('an Authorization header of any text is refused as unknown, never a fault of ours, 100,000 times', async () => {
  const { authentication } = wires.needs
  expect(await authentication.authenticate(`Bearer ${good.service}`)).toMatchObject({ scopes: ['decide'] })
  const scheme = fc.constantFrom('Bearer ', 'bearer  ', 'Bearer', 'DPoP ', 'Basic ', '')
  const headers = fc.sample(
    fc.oneof(
      { weight: 8, arbitrary: fc.tuple(scheme, texts()).map((parts) => parts.join('')) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    ),
    100_000,
  )
  for (const header of headers) {
    if (header.endsWith(good.service)) continue
    const outcome = await authentication.authenticate(header).catch((fault: unknown) => fault)
    if (!(outcome instanceof UnauthenticatedError)) throw new Error(`unexpected for ${JSON.stringify(header)}: ${String(outcome)}`)
  }
}, 300_000)
