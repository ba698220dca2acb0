/** What an application passes is read once, bounded, and as it stands; whatever would become something else on the way is refused by its name. */
import { describe, expect, it } from '@jest/globals'
import type { Asker } from '../../../src/client/asking/asker.ts'
import { measured } from '../../../src/client/asking/batches.ts'
import { openClient } from '../../../src/client/asking/open-client.ts'
import type { BoundClient, CallOptions, Client, Question } from '../../../src/client/client.ts'
import { InvalidRequestError } from '../../../src/client/errors.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a caller without types may pass
type Anything = any

const GOOD = { user: 'ann', tenant: 'acme', permission: 'finance.read' }
const DECISION = { allowed: true, reason: 'ROLE', policyRevision: 'one', position: 1, via: [] }

function openAsked() {
  const asked: { questions: readonly Question[]; options: CallOptions | undefined }[] = []
  const asker: Asker = {
    check: async (question, options) => {
      asked.push({ questions: [question], options })
      return DECISION
    },
    checkAll: async (questions, options) => {
      asked.push({ questions, options })
      return questions.map(() => DECISION)
    },
    listPermissions: async () => ({ permissions: [], policyRevision: 'one', position: 1 }),
    close: async () => undefined,
  }
  return { client: openClient(asker), asker, asked }
}

async function faultOf(asking: Promise<unknown>): Promise<InvalidRequestError> {
  const fault = await asking.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(fault).toBeInstanceOf(InvalidRequestError)
  return fault as InvalidRequestError
}

describe('a resource', () => {
  it('of entities that know each other is refused where the circle closes, at once', async () => {
    const { client, asked } = openAsked()
    // Every one holds every other: the paths through them are more than anybody can walk.
    const entities = Array.from({ length: 40 }, (_, id): { id: number; others: unknown[] } => ({ id, others: [] }))
    for (const entity of entities) entity.others = entities.filter((other) => other !== entity)
    const fault = await faultOf(client.check({ ...GOOD, resource: { document: entities[0] } }))
    expect(fault.violations).toEqual([{ field: 'resource.document.others[0].others[0]', message: 'must not contain itself' }])
    expect(asked).toEqual([])
  })

  it('that is no circle but grows with every step is refused as too large, at once', async () => {
    const { client } = openAsked()
    let layer: object = { name: 'x' }
    for (let depth = 0; depth < 12; depth += 1) layer = Array<object>(10).fill(layer)
    expect(await faultOf(client.check({ ...GOOD, resource: { layer } }))).toMatchObject({ code: 'body_too_large' })
    const endless = { toJSON: () => ({ next: Array.from({ length: 100 }, () => ({ ...endless })) }) }
    expect(await faultOf(client.checkAll([GOOD, { ...GOOD, resource: endless as Anything }]))).toMatchObject({
      violations: [{ field: expect.stringMatching(/^questions\[1\]\.resource/) }],
    })
  })

  it('that is copied is within what is measured: the bound refuses none that would travel', async () => {
    const { client, asked } = openAsked()
    const resource = { list: Array.from({ length: 30_000 }, (_, index) => index) }
    await client.check({ ...GOOD, resource })
    expect(measured(asked[0]?.questions[0] as Question)).toEqual(expect.any(Number))
    expect(asked[0]?.questions[0]?.resource).toEqual(resource)
  })

  class Query {
    // biome-ignore lint/suspicious/noThenProperty: that is the case
    then() {}
  }

  class Row {
    readonly amount = 5
    get secret(): number {
      throw new Error('of the class, and no attribute')
    }
  }

  it('is JSON of its own: a moment is a text, a row of a class its own properties, and one thing may stand twice', async () => {
    const { client, asked } = openAsked()
    const row = new Row()
    const bare = Object.assign(Object.create(null), { a: 1 }) as object
    await client.check({ ...GOOD, resource: { at: new Date(0), row, rows: [row], bare, said: { toJSON: () => [1] }, none: undefined } })
    expect(asked[0]?.questions[0]?.resource).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      row: { amount: 5 },
      rows: [{ amount: 5 }],
      bare: { a: 1 },
      said: [1],
    })
  })

  it.each([
    ['a moment', new Date(0), 'resource'],
    ['what says a list of itself', { toJSON: () => [1] }, 'resource'],
    ['a Map', new Map([['amount', 5]]), 'resource'],
    ['a promise', Promise.resolve({ amount: 5 }), 'resource'],
    ['a query that nobody awaited', { row: new Query() }, 'resource.row'],
    ['a Map in it', { facts: new Map([['amount', 5]]) }, 'resource.facts'],
    ['a Set in it', { facts: [new Set([1])] }, 'resource.facts[0]'],
    ['a boxed number', { amount: Object(5) }, 'resource.amount'],
    ['a boxed text', { name: Object('x') }, 'resource.name'],
    ['bytes', { bytes: new Uint8Array(2) }, 'resource.bytes'],
    ['an expression', { match: /x/ }, 'resource.match'],
    ['an error', { fault: new Error('x') }, 'resource.fault'],
    ['a moment that is none', { at: new Date(Number.NaN) }, 'resource.at'],
    ['a hole', { list: Array(2) }, 'resource.list[0]'],
    ['a function', { run: () => 1 }, 'resource.run'],
  ])('that is or holds %s is refused by its name', async (_name, resource, field) => {
    const { client, asked } = openAsked()
    const fault = await faultOf(client.check({ ...GOOD, resource: resource as Anything }))
    expect(fault).toMatchObject({ code: 'request_invalid', violations: [{ field }] })
    expect(asked).toEqual([])
  })
})

describe('code of the application that fails while it is read', () => {
  const broken = new TypeError('of the application')
  const throws = () => {
    throw broken
  }
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const getter = (name: string) => Object.defineProperty({}, name, { get: throws, enumerable: true })
  const bound = { user: 'ann', tenant: 'acme' }
  const { client } = openAsked()

  it.each<[string, () => Promise<unknown>, string]>([
    ['a getter of a resource', () => client.check({ ...GOOD, resource: { row: getter('amount') } }), 'resource.row.amount'],
    ['toJSON', () => client.check({ ...GOOD, resource: { row: { toJSON: throws } } }), 'resource.row'],
    ['a proxy', () => client.can({ ...GOOD, resource: { row: revoked() } }), 'resource.row'],
    ['a getter of a question', () => client.check(getter('user') as Anything), 'question'],
    ['a question that is a proxy', () => client.enforce(revoked() as Anything), 'question'],
    ['a list that is a proxy', () => client.checkAll(revoked() as Anything), 'questions'],
    ['one of a list', () => client.checkAll([GOOD, getter('permission') as Anything]), 'questions[1]'],
    ['one wanted of a subject', () => client.for(bound).checkAll([getter('permission') as Anything]), 'questions'],
    ['a getter of the options', () => client.check(GOOD, getter('deadlineMs') as Anything), 'options'],
    ['a subject', () => client.listPermissions(getter('user') as Anything), 'subject'],
  ])('%s is a wrong question with the fault as its cause', async (_name, ask, field) => {
    const fault = await faultOf(ask())
    expect(fault).toMatchObject({ code: 'request_invalid', violations: [{ field }] })
    expect(fault.cause).toBeInstanceOf(TypeError)
  })
})

describe('what was asked', () => {
  it('is what stood there in the moment of asking, whatever is written into it afterwards', async () => {
    const { client, asked } = openAsked()
    const question = { ...GOOD, resource: { list: [1] } }
    const options = { deadlineMs: 100, minPosition: 7, signal: new AbortController().signal }
    const answers = [client.check(question, options), client.checkAll([question], options), client.enforce(question, options)]
    Object.assign(question, { user: 'bob', permission: 'other' })
    question.resource.list.push(2)
    Object.assign(options, { deadlineMs: -1, minPosition: 0, signal: 'x' })
    await Promise.all(answers)
    expect(asked.map(({ questions }) => questions)).toEqual(Array(3).fill([{ ...GOOD, resource: { list: [1] } }]))
    for (const { options } of asked) expect(options).toMatchObject({ deadlineMs: 100, minPosition: 7, signal: expect.any(AbortSignal) })
  })

  it('is read once: a getter that answers something else the second time changes nothing', async () => {
    const { client, asked } = openAsked()
    let reads = 0
    const options = {
      get minPosition() {
        reads += 1
        return reads === 1 ? 7 : -1
      },
    }
    await client.check(GOOD, options)
    expect([reads, asked[0]?.options?.minPosition, asked[0]?.options?.minPosition]).toEqual([1, 7, 7])
  })

  it('of a list with holes is refused, and properties of a class count', async () => {
    const { client, asked } = openAsked()
    const holes = Object.assign(Array(3), { 0: GOOD, 2: GOOD })
    expect(await faultOf(client.checkAll(holes))).toMatchObject({ violations: [{ field: 'questions[1]' }] })
    class Wanted {
      get permission() {
        return 'finance.read'
      }
    }
    await client.for({ user: 'ann', tenant: 'acme' }).checkAll([new Wanted(), 'finance.pay'])
    expect(asked[0]?.questions).toEqual([GOOD, { ...GOOD, permission: 'finance.pay' }])
  })
})

describe('the names of a policy', () => {
  it('stay with a client: one that knows few is none that takes any', () => {
    const few: Client<'finance.read'> = openClient<'finance.read'>(openAsked().asker)
    // @ts-expect-error any name could be asked through it
    const any: Client = few
    const bound = few.for({ user: 'ann', tenant: 'acme' })
    // @ts-expect-error as above
    const anyBound: BoundClient = bound
    const fewer: Client<'finance.read'> = openClient(openAsked().asker)
    expect([any, anyBound, fewer]).toHaveLength(3)
  })
})
