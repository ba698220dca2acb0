/** The audit trail as a proof, on both wires: records with their links, heads, checkpoints, page by page. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { NO_UNCHAINED } from '../../../src/store/audit-chain.ts'
import { openCheckpointSigner } from '../../../src/token/checkpoint-jws.ts'
import { newAuditKey } from '../../support/audit-evidence.ts'
import { ADMIN_KEY, ask, auditClient, type Client, call, detailsOf, openWires, type Wires } from './wires.ts'

let wires: Wires
let client: Client

beforeAll(async () => {
  wires = await openWires()
  client = auditClient(wires.grpc.port)
  await wires.house.administration.suspendTenant(wires.house.context, 'south')
  const signer = await openCheckpointSigner((await newAuditKey()).key)
  for (const number of [1, 2])
    await wires.house.store.auditTrail.addCheckpoint(0, (_, heads, atMs) => signer.sign({ number, atMs, heads, unchained: NO_UNCHAINED }))
})
afterAll(async () => {
  client.close()
  await wires.close()
})

const grpc = (method: string, message: object = {}, key = ADMIN_KEY) => ask(client, method, message, key)
const http = async (path: string, key = ADMIN_KEY) => (await call(wires, 'GET', path, undefined, key)).json

describe('the chain', () => {
  it('is the same on both wires, with the link of each record, in the order of its chain', async () => {
    const { entries } = await http('/v1/audit/chain?pageSize=1000')
    const links = entries.map(({ link }: { link: { chain: number } }) => link)
    const inZero = links.filter(({ chain }: { chain: number }) => chain === 0)
    expect(inZero.map(({ sequence }: { sequence: number }) => sequence)).toEqual(inZero.map((_: unknown, index: number) => index + 1))
    expect(entries[0]).toMatchObject({ entry: { id: expect.any(Number), at: expect.any(String) }, link: { previousHash: '0'.repeat(64) } })
    const answered = (await grpc('ListAuditChain', { pageSize: 1000 })).entries
    expect(answered.map(({ link }: { link: { chain?: number } }) => ({ ...link, chain: link.chain ?? 0 }))).toEqual(links)
    expect(answered.map(({ entry }: { entry: { id: number } }) => entry.id)).toEqual(
      entries.map(({ entry }: { entry: { id: number } }) => entry.id),
    )
  })

  it('is read page by page, and from any place of one chain', async () => {
    const all = (await http('/v1/audit/chain?chain=0&pageSize=1000')).entries
    const paged = await http('/v1/audit/chain?chain=0&afterSequence=1&pageSize=2')
    expect(paged.entries).toEqual(all.slice(1, 3))
    const next = await http(`/v1/audit/chain?chain=0&afterSequence=1&pageSize=2&pageToken=${paged.nextPageToken}`)
    expect(next.entries).toEqual(all.slice(3, 5))
    const answered = await grpc('ListAuditChain', { chain: 0, afterSequence: 1, pageSize: 2 })
    expect(answered.entries.map(({ link }: { link: { hash: string } }) => link.hash)).toEqual(
      all.slice(1, 3).map(({ link }: { link: { hash: string } }) => link.hash),
    )
    expect((await http('/v1/audit/chain?chain=16')).entries).toEqual([])
  })

  it.each([
    ['afterSequence=3', 'chain'],
    ['chain=40000', 'chain'],
    ['chain=-1', 'chain'],
    ['chain=0&afterSequence=x', 'afterSequence'],
    ['pageToken=AAAA', 'pageToken'],
  ])('refuses %s, naming the field', async (query, field) => {
    expect(await http(`/v1/audit/chain?${query}`)).toMatchObject({ code: 'request_invalid', violations: [{ field }] })
  })
})

describe('heads and checkpoints', () => {
  it('are the same on both wires', async () => {
    const { heads } = await http('/v1/audit/heads')
    expect(heads).toHaveLength(17)
    const answered = (await grpc('ListAuditHeads')).heads
    expect(answered.map(({ chain = 0, sequence = 0, hash = '' }) => ({ chain, sequence, hash }))).toEqual(heads)
    const first = await http('/v1/audit/checkpoints?pageSize=1')
    expect(first.checkpoints).toMatchObject([{ number: 1, keyId: expect.any(String), jws: expect.stringMatching(/^eyJ/) }])
    const second = await http(`/v1/audit/checkpoints?pageToken=${first.nextPageToken}`)
    expect(second.checkpoints.map(({ number }: { number: number }) => number)).toEqual([2])
    const stored = (await grpc('ListAuditCheckpoints')).checkpoints
    expect(stored.map(({ jws }: { jws: string }) => jws)).toEqual([...first.checkpoints, ...second.checkpoints].map(({ jws }) => jws))
  })
})

describe('who may read the proof', () => {
  it('is a caller with the scope audit for all tenants: a chain with records left out proves nothing', async () => {
    const limited = await wires.house.administration.createCaller(wires.house.context, { name: 'a', scopes: ['audit'], tenants: ['north'] })
    const auditor = await wires.house.administration.createCaller(wires.house.context, { name: 'b', scopes: ['audit'] })
    for (const path of ['chain', 'heads', 'checkpoints']) {
      for (const key of [limited.key, wires.keys.decide])
        expect(await http(`/v1/audit/${path}`, key)).toMatchObject({ code: 'permission_denied' })
      expect((await call(wires, 'GET', `/v1/audit/${path}`, undefined, auditor.key)).status).toBe(200)
    }
    for (const method of ['ListAuditChain', 'ListAuditHeads', 'ListAuditCheckpoints'])
      expect(detailsOf(await grpc(method, {}, limited.key).catch((fault) => fault)).code).toBe(7)
  })
})
