/** A client with local checks on the real service, over its real wire. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createClient, type LocalClient } from '../../../src/client/create-client.ts'
import { CallerDeniedError } from '../../../src/client/errors.ts'
import { openWires, type Wires } from '../../decision/transport/wires.ts'

const ANN = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }

let wires: Wires
let replicating: string
const clients: LocalClient[] = []
beforeAll(async () => {
  wires = await openWires()
  const { administration, context } = wires.house
  replicating = (await administration.createCaller(context, { name: 'application', scopes: ['decide', 'replicate'] })).key
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await wires.close()
})

function open(key: string): LocalClient {
  const client = createClient({ target: `127.0.0.1:${wires.grpc.port}`, credentials: { key }, local: true, deadlineMs: 5_000 })
  clients.push(client)
  return client
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('a client with local checks on a real service', () => {
  it('decides by itself what the service decides, and follows each change of it', async () => {
    const client = open(replicating)
    await until(() => client.local.status().state === 'fresh')
    const remote = createClient({ target: `127.0.0.1:${wires.grpc.port}`, credentials: { key: replicating }, deadlineMs: 5_000 })
    for (const permission of [ANN.permission, 'finance.read', 'finance.raed', 'coding.medical-stay.validate'])
      for (const user of ['ann', 'bob', 'nobody']) {
        const question = { user, tenant: 'north', permission }
        const [local, asked] = [await client.check(question), await remote.check(question)]
        expect(local).toEqual({ ...asked, decisionId: undefined, position: local.position })
        expect(local).not.toHaveProperty('decisionId')
      }
    await remote.close()
    const { administration, context } = wires.house
    await administration.deactivateUser(context, 'ann')
    await until(async () => (await client.check(ANN)).reason === 'ACCOUNT_DEACTIVATED')
    await administration.reactivateUser(context, 'ann')
    await until(async () => (await client.can(ANN)) && (await client.check(ANN)).decisionId === undefined)
  }, 60_000)

  it('asks the service with a key that may not replicate', async () => {
    const client = open(wires.keys.decide)
    expect(await client.check(ANN)).toHaveProperty('decisionId')
    expect(client.local.status()).toMatchObject({ state: 'asking', entries: 0 })
  })

  it('forgets what its former key could see when it goes on with one that is limited to tenants', async () => {
    const { administration, context } = wires.house
    await administration.grant(context, { tenant: 'south', user: 'zed', role: 'reader' })
    const scopes = ['decide', 'replicate'] as const
    const all = await administration.createCaller(context, { name: 'all', scopes })
    const some = await administration.createCaller(context, { name: 'some', scopes, tenants: ['north'] })
    let key = all.key
    const client = createClient({ target: `127.0.0.1:${wires.grpc.port}`, credentials: { key: () => key }, local: true, deadlineMs: 5_000 })
    clients.push(client)
    await until(() => client.local.status().state === 'fresh')
    const question = { ...ANN, user: 'zed', tenant: 'south' }
    expect((await client.check(question)).decisionId).toBeUndefined()
    key = some.key
    await administration.revokeCaller(context, all.record.id)
    await until(() => client.local.status().entries === 0)
    await until(() => client.local.status().state === 'fresh')
    await expect(client.check(question)).rejects.toBeInstanceOf(CallerDeniedError)
    expect((await client.check(ANN)).decisionId).toBeUndefined()
  }, 60_000)

  it('never answers for a caller that the service would refuse', async () => {
    const limited = await wires.house.administration.createCaller(wires.house.context, {
      name: 'limited-application',
      scopes: ['decide', 'replicate'],
      tenants: ['north'],
    })
    const client = open(limited.key)
    await until(() => client.local.status().state === 'fresh')
    expect(await client.check(ANN)).not.toHaveProperty('decisionId')
    await expect(client.check({ ...ANN, tenant: 'south' })).rejects.toBeInstanceOf(CallerDeniedError)
  }, 60_000)
})
