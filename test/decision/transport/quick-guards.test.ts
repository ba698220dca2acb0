/** Who may ask what, where memory has the answer: the quick way of each wire refuses what the way that waits refuses, and counts what it answers. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, type Client, call, decisionClient, detailsOf, openWires, type Wires } from './wires.ts'

const READ = 'coding.medical-stay.read'
const WIRES = ['http', 'grpc'] as const
type Wire = (typeof WIRES)[number]
type Method = 'Check' | 'BatchCheck' | 'CheckPermissions'
const METHODS: readonly Method[] = ['Check', 'BatchCheck', 'CheckPermissions']
const PATHS = { Check: '/v1/check', BatchCheck: '/v1/check/batch', CheckPermissions: '/v1/check/permissions' }
/** A machine that is busy tears a request apart or lets memory grow too old: then it is asked again. */
const ATTEMPTS_MAX = 20

let wires: Wires
let client: Client
let scopeless: string
/** Questions that waited. */
let waited = 0

beforeAll(async () => {
  wires = await openWires((needs) => {
    const { check, checkBatch, checkPermissions } = needs.decisions
    const counting =
      <A extends unknown[], R>(real: (...of: A) => R) =>
      (...of: A): R => {
        waited += 1
        return real(...of)
      }
    return {
      ...needs,
      decisions: {
        ...needs.decisions,
        check: counting(check),
        checkBatch: counting(checkBatch),
        checkPermissions: counting(checkPermissions),
      },
    }
  })
  const { house } = wires
  await house.administration.grant(house.context, { tenant: 'south', user: 'ann', role: 'clerk' })
  scopeless = (await house.administration.createCaller(house.context, { name: 'auditor', scopes: ['audit'] })).key
  client = decisionClient(wires.grpc.port)
  // Memory knows ann in both tenants and all callers from here on.
  for (const tenant of ['north', 'south'])
    for (const key of [wires.keys.decide, wires.keys.limited, scopeless]) await asked('http', 'Check', messageOf('Check', tenant), key)
})
afterAll(async () => {
  client.close()
  await wires.close()
})

function messageOf(method: Method, tenant: string): Record<string, unknown> {
  const who = { user: 'ann', tenant }
  if (method === 'BatchCheck') return { items: [{ ...who, permission: READ }] }
  return method === 'Check' ? { ...who, permission: READ } : { ...who, permissions: [READ] }
}

interface Outcome {
  /** What went wrong, `undefined`: nothing. */
  readonly code: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly answer: any
}

async function asked(wire: Wire, method: Method, message: Record<string, unknown>, key = wires.keys.decide): Promise<Outcome> {
  if (wire === 'http') {
    const { status, json } = await call(wires, 'POST', PATHS[method], message, key)
    return { code: status === 200 ? undefined : json.code, answer: json }
  }
  try {
    return { code: undefined, answer: await ask(client, method, message, key) }
  } catch (fault) {
    const info = detailsOf(fault as Parameters<typeof detailsOf>[0]).details.find(({ reason }) => reason !== undefined)
    return { code: String(info?.reason).toLowerCase(), answer: undefined }
  }
}

/** Asks until memory alone answered. */
async function quickly(wire: Wire, method: Method, message: Record<string, unknown>, key = wires.keys.decide): Promise<Outcome> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const before = waited
    const outcome = await asked(wire, method, message, key)
    if (waited === before) return outcome
  }
  throw new Error('memory never had the answer')
}

const cases = WIRES.flatMap((wire) => METHODS.map((method) => [wire, method] as const))
const permitted = (answer: Outcome['answer']) =>
  answer.items.map((item: Outcome['answer']) => item.decision?.allowed ?? item.error?.code ?? false)

describe('what memory could answer', () => {
  it.each(cases)('is not answered to a caller that is limited to another tenant: %s %s', async (wire, method) => {
    // It could: another caller is told.
    expect((await quickly(wire, method, messageOf(method, 'south'))).code).toBeUndefined()
    expect((await quickly(wire, method, messageOf(method, 'north'), wires.keys.limited)).code).toBeUndefined()
    expect(wires.needs.authentication.recall?.(`Bearer ${wires.keys.limited}`)?.name).toBe('limited')
    const { code, answer } = await quickly(wire, method, messageOf(method, 'south'), wires.keys.limited)
    if (method === 'BatchCheck') expect(JSON.stringify(answer).toLowerCase()).toMatch(/"permission_denied"/)
    else expect(code).toBe('permission_denied')
    expect(JSON.stringify(answer ?? '')).not.toContain('"allowed"')
  })

  it.each(cases)('is not answered to a caller without the scope: %s %s', async (wire, method) => {
    expect((await quickly(wire, method, messageOf(method, 'north'))).code).toBeUndefined()
    expect(wires.needs.authentication.recall?.(`Bearer ${scopeless}`)?.name).toBe('auditor')
    expect((await quickly(wire, method, messageOf(method, 'north'), scopeless)).code).toBe('permission_denied')
  })

  it.each(WIRES)('is answered by what somebody holds in the tenant that each item names: %s', async (wire) => {
    const item = (tenant: string, permission: string) => ({ user: 'ann', tenant, permission })
    const items = [
      item('north', READ),
      item('south', READ),
      item('south', 'finance.read'),
      item('north', 'finance.read'),
      item('north', READ),
    ]
    expect(permitted((await quickly(wire, 'BatchCheck', { items })).answer)).toEqual([true, false, true, false, true])
  })

  it.each(cases)('is not answered to who asks for a position that nobody has reached: %s %s', async (wire, method) => {
    const message = { ...messageOf(method, 'north'), minPosition: 1_000_000 }
    expect((await quickly(wire, method, messageOf(method, 'north'))).code).toBeUndefined()
    const before = waited
    const { code, answer } = await asked(wire, method, message)
    expect(waited).toBe(before + 1)
    expect(code ?? JSON.stringify(answer)).not.toContain('"allowed"')
  })
})

describe('requests that memory answered', () => {
  it.each(cases)('are counted as all others: %s %s', async (wire, method) => {
    const counted = async () => {
      const { body } = await wires.metrics.text(undefined)
      const line = new RegExp(`^castellan_requests_total\\{wire="${wire}",method="${method}",code="ok"\\} (\\d+)$`, 'm')
      return Number(line.exec(body)?.[1] ?? 0)
    }
    const before = [await counted(), waited]
    let answered = 0
    for (; answered < 5; answered++) await quickly(wire, method, messageOf(method, 'north'))
    const all = answered + (waited - (before[1] ?? 0))
    expect(await counted()).toBe((before[0] ?? 0) + all)
  })
})
