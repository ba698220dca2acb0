/** Several replicas behind one target: calls go in turn to those that serve. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Client } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { type GrpcServer, openGrpcServer } from '../../../src/decision/transport/grpc/server.ts'
import type { WireNeeds } from '../../../src/decision/transport/wire-needs.ts'
import { openWires, type Wires } from '../../decision/transport/wires.ts'

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }

let wires: Wires
beforeAll(async () => {
  wires = await openWires()
})
afterAll(async () => await wires.close())

/** Two servers of one house, each counting its checks. */
async function openReplicas(): Promise<{
  replicas: [GrpcServer, GrpcServer]
  counts: [number, number]
  client: Client
  close(): Promise<void>
}> {
  const counts: [number, number] = [0, 0]
  const counting = (index: 0 | 1): WireNeeds => ({
    ...wires.needs,
    port: 0,
    decisions: {
      ...wires.needs.decisions,
      check(question, signal) {
        counts[index] += 1
        return wires.needs.decisions.check(question, signal)
      },
      // What memory answers is an answer of this replica too, and once warm nearly all are.
      recallCheck(question) {
        const decision = wires.needs.decisions.recallCheck(question)
        if (decision !== undefined) counts[index] += 1
        return decision
      },
    },
  })
  const replicas: [GrpcServer, GrpcServer] = [await openGrpcServer(counting(0)), await openGrpcServer(counting(1))]
  const target = `ipv4:127.0.0.1:${replicas[0].port},127.0.0.1:${replicas[1].port}`
  const client = createClient({ target, credentials: { key: wires.keys.decide }, deadlineMs: 20_000 })
  return {
    replicas,
    counts,
    client,
    async close() {
      await client.close()
      for (const replica of replicas) await replica.close()
    },
  }
}

/** Asks until what it waits for holds: that a connection stands or a replica was heard takes its time. */
async function askUntil(client: Client, holds: () => boolean): Promise<void> {
  for (let call = 0; call < CALLS_MAX && !holds(); call += 1) expect(await client.can(QUESTION)).toBe(true)
  expect(holds()).toBe(true)
}
/** Far more than a second of calls, which is how often replicas are heard; a test that fails ends. */
const CALLS_MAX = 50_000

describe('two replicas', () => {
  it('are asked in turn', async () => {
    const { replicas, counts, client, close } = await openReplicas()
    for (const replica of replicas) replica.health.set(true)
    await askUntil(client, () => counts[0] > 0 && counts[1] > 0)
    // Not to the call: a machine that is busy may hold one of them to hang for a moment.
    const before = [...counts]
    await askUntil(client, () => counts[0] > (before[0] ?? 0) + 5 && counts[1] > (before[1] ?? 0) + 5)
    await close()
  })

  it('of which one does not serve: the other is asked; once it serves again, both are', async () => {
    const { replicas, counts, client, close } = await openReplicas()
    replicas[0].health.set(true)
    let last = { second: counts[1], first: counts[0] }
    // Twenty in a row to the one that serves: the other is known not to.
    await askUntil(client, () => {
      if (counts[1] !== last.second) last = { second: counts[1], first: counts[0] }
      return counts[0] - last.first >= 20
    })
    replicas[1].health.set(true)
    const before = counts[1]
    await askUntil(client, () => counts[1] > before + 2)
    await close()
  })

  it('of which neither says that it serves are asked both: their answers say better what is wrong', async () => {
    const { counts, client, close } = await openReplicas()
    await askUntil(client, () => counts[0] > 5 && counts[1] > 5)
    await close()
  })

  it('of which one is gone: every call is answered', async () => {
    const { replicas, counts, client, close } = await openReplicas()
    for (const replica of replicas) replica.health.set(true)
    await askUntil(client, () => counts[0] > 0 && counts[1] > 0)
    await replicas[0].close()
    for (let call = 0; call < 20; call += 1) expect(await client.can(QUESTION)).toBe(true)
    await close()
  })
})
