/** A subject that is an access token which the service accepts, through the client on both wires. */
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import { openTokenWires, type TokenWires } from '../../decision/transport/token-wires.ts'

const READ = 'coding.medical-stay.read'
let wires: TokenWires
beforeAll(async () => {
  wires = await openTokenWires()
})
afterAll(async () => await wires.close())

it.each(['grpc', 'http'] as const)(
  'over %s it is answered as the names it stands for: alone, among others, bound, with a tenant',
  async (wire) => {
    const common = { credentials: { key: wires.keys.decide }, deadlineMs: 20_000 }
    const client =
      wire === 'grpc'
        ? createClient({ target: `127.0.0.1:${wires.grpc.port}`, ...common })
        : createHttpClient({ url: `http://127.0.0.1:${wires.http.port}`, ...common })
    const accessToken = await wires.tokenOf(await wires.begin('ann'))
    expect(await client.check({ accessToken, permission: READ })).toMatchObject({ allowed: true, reason: 'ROLE', via: ['coder'] })
    expect(await client.can({ accessToken, permission: 'finance.read' })).toBe(false)
    const ofNoTenant = await wires.tokenOf(await wires.begin('ann', { tenant: null }))
    const all = await client.checkAll([
      { accessToken, permission: READ },
      { user: 'bob', tenant: 'north', permission: READ },
      { accessToken: ofNoTenant, tenant: 'south', permission: READ },
      { accessToken: ofNoTenant, tenant: 'north', permission: READ },
    ])
    expect(all.map(({ allowed, reason }) => [allowed, reason])).toEqual([
      [true, 'ROLE'],
      [true, 'ROLE'],
      [false, 'NO_ASSIGNMENT'],
      [true, 'ROLE'],
    ])
    expect((await client.for({ accessToken }).enforce(READ, { stay: 'one' })).allowed).toBe(true)
    await client.close()
  },
)
