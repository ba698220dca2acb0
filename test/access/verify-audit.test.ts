/** The verifier against an attacker who can write to every table: each thing that is done to the audit is found and named. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { hashOfCheckpoint } from '../../src/access/verify-checkpoints.ts'
import type { AuditCheckpoint, ChainedRecord } from '../../src/model/audit-trail.ts'
import { hashOfRecord } from '../../src/store/audit-chain.ts'
import type { Database } from '../../src/store/database.ts'
import { openCheckpointSigner, readCheckpoint } from '../../src/token/checkpoint-jws.ts'
import { auditRow, chainedOf, checkpointsOf, newAuditKey, tampering, verifyStore } from '../support/audit-evidence.ts'
import { openPgliteStore, type TestStore } from '../support/stores.ts'

let at: TestStore & { close(): Promise<void> }
let audit: Awaited<ReturnType<typeof newAuditKey>>
let kept: readonly string[]
let rows: readonly ChainedRecord[]

const AUTHORS = ['ann', 'bob', 'cleo']

beforeAll(async () => {
  at = await openPgliteStore()
  audit = await newAuditKey()
  // From before chaining.
  for (const actor of ['old-1', 'old-2'])
    await at.database.knex('audit_event').insert({ action: 'user.put', result: 'applied', actor, actor_name: 'Old' })
  for (let number = 0; number < 8; number++) {
    await at.store.change(async (change) => {
      await change.appendFeed([{ kind: 'user', user: 'ann' }])
      const fields = { tenant: 'acme', user: 'ann', target: `t${number}`, reason: 'why', requestId: 'r', position: number }
      await change.appendAudit(auditRow({ ...fields, before: { roles: ['reader'], amount: 1.5 }, after: { roles: [] } }))
    })
    await at.store.change((change) =>
      change.appendAudit(auditRow({ user: AUTHORS[number % 3] ?? '', action: 'login.succeed', after: { number } })),
    )
    if (number % 3 === 2) await makeCheckpoint()
  }
  kept = (await checkpointsOf(at.store)).map(({ jws }) => jws)
  rows = await all()
})
afterAll(() => at.close())

async function all(): Promise<readonly ChainedRecord[]> {
  const found: ChainedRecord[] = []
  for await (const one of chainedOf(at.store)) found.push(one)
  return found
}

async function makeCheckpoint(signer?: Awaited<ReturnType<typeof openCheckpointSigner>>): Promise<AuditCheckpoint | undefined> {
  const by = signer ?? (await openCheckpointSigner(audit.key))
  const turn = await at.store.auditTrail.addCheckpoint(0, async (last, heads, atMs, unchained) =>
    by.sign({
      ...{
        number: (last?.number ?? 0) + 1,
        atMs,
        heads: heads.filter(({ sequence }) => sequence > 0),
        unchained: await unchained(undefined),
      },
      ...(last === undefined ? {} : { previous: hashOfCheckpoint(last.jws) }),
    }),
  )
  return turn.made
}

const verify = (evidence: Parameters<typeof verifyStore>[1] = {}) => verifyStore(at.store, { keys: audit.keys, ...evidence })
const inChain = (chain: number) => rows.filter(({ link }) => link?.chain === chain)
const eventChain = () => rows.find(({ link }) => (link?.chain ?? 0) > 0)?.link?.chain ?? -1

function rowAt(chain: number, sequence: number): ChainedRecord & { readonly link: NonNullable<ChainedRecord['link']> } {
  const found = rows.find(({ link }) => link?.chain === chain && link.sequence === sequence)
  if (found?.link === undefined) throw new Error(`no row ${chain}.${sequence}`)
  return { record: found.record, link: found.link }
}

/** As one who knows how hashes are made: from `from` on every row is hashed anew, and the head too. */
async function rehash({ knex }: Database, chain: number, from: number, { head = true } = {}): Promise<void> {
  let previousHash: string | undefined
  for (const { record, link } of await all()) {
    if (link?.chain !== chain) continue
    if (link.sequence >= from) {
      const place = { chain, sequence: link.sequence, previousHash: previousHash ?? link.previousHash }
      const hash = hashOfRecord(record, place)
      await knex('audit_event')
        .where({ id: record.id })
        .update({ previous_hash: Buffer.from(place.previousHash, 'hex'), hash: Buffer.from(hash, 'hex') })
      previousHash = hash
    } else previousHash = link.hash
  }
  if (head && previousHash !== undefined)
    await knex('audit_head')
      .where({ chain })
      .update({ hash: Buffer.from(previousHash, 'hex') })
}

describe('an audit that nobody touched', () => {
  it('holds, with the records from before chaining counted and called unproven', async () => {
    expect(await verify({ kept })).toMatchObject({ all: [], unproven: 2, chained: 16, broken: 0, checkpoints: { stored: 2, kept: 2 } })
  })

  it('holds while others write to it', async () => {
    const heads = await at.store.auditTrail.listHeads()
    await tampering(at.database, async () => {
      await at.store.change((change) => change.appendAudit(auditRow({ user: 'ann' })))
      const { verifyAudit } = await import('../../src/access/verify-audit.ts')
      const finalHeads = () => at.store.auditTrail.listHeads()
      expect(await verifyAudit({ heads, records: chainedOf(at.store), finalHeads, claims: new Map(), unchained: [] })).toMatchObject({
        findings: [],
      })
    })
  })
})

describe('an attacker with every right on the database', () => {
  it('who changes one column of one row, whichever, is found, and the row is named', async () => {
    const other: Readonly<Record<string, unknown>> = {
      ...{ at: new Date(1_000), action: 'user.deactivate', result: 'noop', actor: 'x', actor_name: 'x', tenant_id: 'x', user_id: 'x' },
      ...{ target: 'x', reason: 'x', before: '{"x":1}', after: '{"x":1}', position: 99, request_id: 'x', chain: 16, sequence: 77 },
      ...{ previous_hash: Buffer.alloc(32, 1), hash: Buffer.alloc(32, 1) },
    }
    const columns = await at.database.knex('audit_event').columnInfo()
    expect(Object.keys(other).sort()).toEqual(
      Object.keys(columns)
        .filter((name) => name !== 'id')
        .sort(),
    )
    const linked = rows.filter(({ link }) => link !== undefined)
    await tampering(at.database, async ({ knex }) => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...linked), fc.constantFrom(...Object.keys(other)), async ({ record, link }, column) => {
          const [before] = await knex('audit_event').where({ id: record.id })
          // To nothing, where nothing may stand and something does.
          const value =
            before[column] !== null && record.id % 2 === 0 && columns[column]?.nullable && !LINK.includes(column) ? null : other[column]
          await knex('audit_event')
            .where({ id: record.id })
            .update({ [column]: value })
          const { findings } = await verifyStore(at.store)
          const json = (name: string) => (before[name] === null ? null : JSON.stringify(before[name]))
          await knex('audit_event')
            .where({ id: record.id })
            .update({ ...before, before: json('before'), after: json('after'), id: undefined })
          const named = findings.some((one) => one.id === record.id || (one.chain === link?.chain && one.sequence === link?.sequence))
          expect({ column, named, findings }).toMatchObject({ named: true })
        }),
        {
          numRuns: 120,
          examples: linked.slice(-1).flatMap((row) => Object.keys(other).map((name): [ChainedRecord, string] => [row, name])),
        },
      )
      expect((await verify({ kept })).all).toEqual([])
    })
  }, 60_000)
  const LINK = ['chain', 'sequence', 'previous_hash', 'hash']

  it('who changes a row and its hash is found by the row behind it, or by the head', async () => {
    for (const sequence of [3, 8])
      await tampering(at.database, async (database) => {
        const { record, link } = rowAt(0, sequence)
        const forged = hashOfRecord({ ...record, reason: 'another' }, link)
        await database
          .knex('audit_event')
          .where({ id: record.id })
          .update({ reason: 'another', hash: Buffer.from(forged, 'hex') })
        expect((await verifyStore(at.store)).findings[0]).toMatchObject({ kind: 'changed', chain: 0, sequence, id: record.id })
      })
  })

  it('who deletes a row in the middle is found, and its place is named', async () => {
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event')
        .where({ id: rowAt(0, 4).record.id })
        .del()
      expect((await verifyStore(at.store)).findings).toMatchObject([{ kind: 'deleted', chain: 0, sequence: 4 }])
    })
  })

  it('who inserts a row is found: without a link, at a place that is taken, behind the head, or with the others moved up', async () => {
    const plain = { action: 'user.put', result: 'applied', actor: 'evil', actor_name: 'Evil' }
    const link = { previous_hash: Buffer.alloc(32), hash: Buffer.alloc(32, 7) }
    const idOf = async () => ((await at.database.knex('audit_event').where({ actor: 'evil' }).first('id')) as { id: number }).id
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').insert(plain)
      expect((await verify()).findings).toMatchObject([{ kind: 'unchained', id: await idOf() }])
    })
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').insert({ ...plain, ...link, chain: 0, sequence: 5 })
      expect((await verify()).findings).toMatchObject([{ kind: 'inserted', chain: 0, sequence: 5, id: await idOf() }])
    })
    await tampering(at.database, async ({ knex }) => {
      const last = rowAt(0, 8)
      const row = { ...plain, chain: 0, sequence: 9, previous_hash: Buffer.from(last.link.hash, 'hex'), hash: Buffer.alloc(32) }
      await knex('audit_event').insert(row)
      const [{ record } = { record: undefined }] = (await all()).filter((one) => one.record.actor === 'evil')
      if (record === undefined) throw new Error('not there')
      const hash = hashOfRecord(record, { chain: 0, sequence: 9, previousHash: last.link.hash })
      await knex('audit_event')
        .where({ id: record.id })
        .update({ hash: Buffer.from(hash, 'hex') })
      expect((await verify()).findings).toMatchObject([{ kind: 'inserted', chain: 0, sequence: 9, id: record.id }])
    })
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').where({ chain: 0 }).andWhere('sequence', '>=', 5).increment('sequence', 1)
      await knex('audit_event').insert({ ...plain, ...link, chain: 0, sequence: 5 })
      await knex('audit_head').where({ chain: 0 }).increment('sequence', 1)
      expect((await verify()).findings[0]).toMatchObject({ kind: 'changed', chain: 0, sequence: 5, id: await idOf() })
    })
  })

  it('who swaps two rows is found: their numbers, their whole links, or their ids', async () => {
    const swap = async ({ knex }: Database, columns: readonly string[]) => {
      const [one, two] = [rowAt(0, 3).record.id, rowAt(0, 4).record.id]
      const [first, second] = [
        await knex('audit_event')
          .where({ id: one })
          .first(...columns),
        await knex('audit_event')
          .where({ id: two })
          .first(...columns),
      ]
      await knex('audit_event').where({ id: one }).update(second)
      await knex('audit_event').where({ id: two }).update(first)
    }
    await tampering(at.database, async (database) => {
      await swap(database, ['sequence'])
      expect((await verify()).findings[0]).toMatchObject({ kind: 'reordered', chain: 0, sequence: 3, id: rowAt(0, 4).record.id })
    })
    await tampering(at.database, async (database) => {
      await swap(database, ['sequence', 'previous_hash', 'hash'])
      expect((await verify()).findings[0]).toMatchObject({ kind: 'changed', chain: 0, sequence: 3, id: rowAt(0, 4).record.id })
    })
    await tampering(at.database, async ({ knex }) => {
      await knex.raw('alter table audit_event alter column id drop identity')
      const [one, two] = [rowAt(0, 3).record.id, rowAt(0, 4).record.id]
      for (const [from, to] of [
        [one, -1],
        [two, one],
        [-1, two],
      ] as const)
        await knex('audit_event').where({ id: from }).update({ id: to })
      await knex.raw('alter table audit_event alter column id add generated always as identity (start with 10000)')
      expect((await verify()).findings[0]).toMatchObject({ kind: 'changed', chain: 0, sequence: 3 })
    })
    // Whole rows change places between two chains.
    await tampering(at.database, async ({ knex }) => {
      const chain = eventChain()
      const [one, two] = [rowAt(0, 2).record.id, rowAt(chain, 1).record.id]
      const [here, there] = [
        await knex('audit_event').where({ id: one }).first('chain', 'sequence'),
        await knex('audit_event').where({ id: two }).first('chain', 'sequence'),
      ]
      await knex('audit_event').where({ id: one }).update(there)
      await knex('audit_event').where({ id: two }).update(here)
      expect((await verifyStore(at.store)).findings.filter(({ kind }) => kind !== 'rewritten')).toMatchObject([
        { kind: 'changed', chain: 0, sequence: 2, id: two },
        { kind: 'changed', chain, sequence: 1, id: one },
      ])
    })
    // Every id of a chain is another one, and they still go up.
    for (const chain of [0, eventChain()])
      await tampering(at.database, async ({ knex }) => {
        await knex.raw('alter table audit_event alter column id drop identity')
        await knex('audit_event')
          .where({ chain })
          .update({ id: knex.raw('id + 5000') })
        await knex.raw('alter table audit_event alter column id add generated always as identity (start with 10000)')
        expect((await verify()).findings[0]).toMatchObject({ kind: 'changed', chain, sequence: 1 })
      })
  })

  it('who cuts the tail is found by the head', async () => {
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').where({ chain: 0 }).andWhere('sequence', '>', 6).del()
      expect((await verifyStore(at.store)).findings).toMatchObject([{ kind: 'cut', chain: 0, sequence: 7 }])
    })
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').whereNotNull('chain').del()
      const cut = (await verifyStore(at.store)).findings
      expect(cut.every(({ kind, sequence }) => kind === 'cut' && sequence === 1)).toBe(true)
      expect(cut).toHaveLength(new Set(rows.flatMap(({ link }) => link?.chain ?? [])).size)
    })
  })

  it('who cuts the tail and the head with it is found by a checkpoint, stored or kept elsewhere', async () => {
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').where({ chain: 0 }).andWhere('sequence', '>', 4).del()
      await knex('audit_head')
        .where({ chain: 0 })
        .update({ sequence: 4, hash: Buffer.from(rowAt(0, 4).link.hash, 'hex') })
      expect((await verify()).findings).toMatchObject([{ kind: 'cut', chain: 0, sequence: 5, checkpoint: 2 }])
      await knex('audit_checkpoint').del()
      expect((await verify()).all).toEqual([])
      expect((await verify({ kept })).all).toMatchObject([
        { kind: 'checkpoint-missing', checkpoint: 1 },
        { kind: 'checkpoint-missing', checkpoint: 2 },
        { kind: 'cut', chain: 0, sequence: 5, checkpoint: 2 },
      ])
      expect((await verify({ kept: kept.slice(1) })).findings).toMatchObject([{ kind: 'cut', chain: 0, sequence: 5 }])
      await knex('audit_head').where({ chain: 0 }).del()
      expect((await verify()).findings).toMatchObject([{ kind: 'head-missing', chain: 0 }])
    })
  })

  it('who takes a whole chain away, its head with it, is found, also when nothing was kept and nothing is left', async () => {
    for (const chain of [0, eventChain()])
      await tampering(at.database, async ({ knex }) => {
        await knex('audit_event').where({ chain }).del()
        await knex('audit_head').where({ chain }).del()
        expect((await verify()).findings).toMatchObject([
          { kind: 'head-missing', chain },
          { kind: 'cut', chain, sequence: 1 },
        ])
        await knex('audit_checkpoint').del()
        expect((await verify()).all).toMatchObject([{ kind: 'head-missing', chain }])
      })
    await tampering(at.database, async ({ knex }) => {
      for (const table of ['audit_event', 'audit_head', 'audit_checkpoint']) await knex(table).del()
      const { all: found } = await verify()
      expect(found.map(({ kind, chain }) => `${kind} ${chain}`)).toEqual(Array.from({ length: 17 }, (_, chain) => `head-missing ${chain}`))
    })
  })

  it('who takes away one that a later version has, rows and head, is found by what was signed', async () => {
    const claims = new Map([[20, [{ sequence: 3, hash: 'a'.repeat(64), checkpoint: 7 }]]])
    const { verifyAudit } = await import('../../src/access/verify-audit.ts')
    const heads = await at.store.auditTrail.listHeads()
    const evidence = { heads, records: chainedOf(at.store), finalHeads: async () => heads, claims, unchained: [] }
    expect((await verifyAudit(evidence)).findings).toMatchObject([
      { kind: 'head-missing', chain: 20 },
      { kind: 'cut', chain: 20, sequence: 1, checkpoint: 7 },
    ])
  })

  it('who renumbers a chain to one that has no head, or puts rows into such a one, is found', async () => {
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').where({ chain: 0, sequence: 8 }).update({ chain: 99, sequence: 1 })
      expect(await at.store.auditTrail.listChains()).toContain(99)
      for (const since of [undefined, readCheckpoint(kept.at(-1) ?? '')?.content.heads]) {
        const { findings } = await verify({ kept, ...(since === undefined ? {} : { since }) })
        expect(findings).toMatchObject([
          { kind: 'cut', chain: 0, sequence: 8 },
          { kind: 'changed', chain: 99, sequence: 1 },
          { kind: 'head-missing', chain: 99 },
        ])
      }
    })
  })

  it('who sets a head back behind the checkpoint that a verifier begins at is found, and what came after it is all that is read', async () => {
    const since = readCheckpoint(kept.at(-1) ?? '')?.content.heads ?? []
    const begin = since.find(({ chain }) => chain === 0)?.sequence ?? 0
    expect(await verify({ kept, since })).toMatchObject({ all: [], chained: 16 - since.reduce((sum, { sequence }) => sum + sequence, 0) })
    await tampering(at.database, async ({ knex }) => {
      // What came before is believed, by its signature.
      await knex('audit_event').where({ chain: 0, sequence: 1 }).update({ actor: 'evil' })
      expect((await verify({ kept, since })).all).toEqual([])
      await knex('audit_event')
        .where({ chain: 0 })
        .andWhere('sequence', '>', begin - 2)
        .del()
      await knex('audit_head')
        .where({ chain: 0 })
        .update({ sequence: begin - 2, hash: Buffer.from(rowAt(0, begin - 2).link.hash, 'hex') })
      expect((await verify({ kept, since })).findings).toContainEqual(
        expect.objectContaining({ kind: 'cut', chain: 0, sequence: begin - 1, text: expect.stringContaining('behind the checkpoint') }),
      )
    })
  })

  it('who replaces the hash of a head that moves while it is read is found', async () => {
    const heads = await at.store.auditTrail.listHeads()
    const { verifyAudit } = await import('../../src/access/verify-audit.ts')
    await tampering(at.database, async ({ knex }) => {
      await at.store.change((change) => change.appendAudit(auditRow({ user: 'ann' })))
      const [moved] = (await at.store.auditTrail.listHeads()).filter((one, index) => one.sequence !== heads[index]?.sequence)
      const forged = { hash: Buffer.alloc(32, 9) }
      const finalHeads = async () => {
        await knex('audit_head')
          .where({ chain: moved?.chain ?? 0 })
          .update(forged)
        return await at.store.auditTrail.listHeads()
      }
      const { findings } = await verifyAudit({ heads, records: chainedOf(at.store), finalHeads, claims: new Map(), unchained: [] })
      expect(findings).toMatchObject([{ kind: 'changed', chain: moved?.chain, sequence: moved?.sequence }])
    })
  })

  it('who hashes everything anew, heads too, is found by a checkpoint, with where it begins at the earliest', async () => {
    await tampering(at.database, async (database) => {
      await database
        .knex('audit_event')
        .where({ id: rowAt(0, 5).record.id })
        .update({ reason: 'another' })
      await rehash(database, 0, 5)
      const found = { kind: 'rewritten', chain: 0, sequence: 6, checkpoint: 2, text: expect.stringContaining('between 4 and 6') }
      expect((await verify()).findings).toMatchObject([found])
      await database.knex('audit_checkpoint').del()
      expect((await verify()).all).toEqual([])
      expect((await verify({ kept })).findings).toMatchObject([found])
    })
  })

  it('who makes checkpoints of the new hashes has not the key, and cannot make them fit those that were kept', async () => {
    const forger = await openCheckpointSigner((await newAuditKey()).key)
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_checkpoint').del()
      await makeCheckpoint(forger)
      expect((await verify()).all).toMatchObject([
        { kind: 'checkpoint-forged', checkpoint: 1, text: expect.stringContaining('none of the given keys') },
      ])
      expect((await verify({ kept, keys: undefined as never })).all).toMatchObject([
        { kind: 'checkpoint-forged', checkpoint: 1, text: expect.stringContaining('kept') },
        { kind: 'checkpoint-missing', checkpoint: 2 },
      ])
    })
    await tampering(at.database, async ({ knex }) => {
      const stored = (await checkpointsOf(at.store))[0]?.jws ?? ''
      const [head, body, signature] = stored.split('.')
      const other = Buffer.from(
        Buffer.from(body ?? '', 'base64url')
          .toString()
          .replace('"number":1', '"number":9'),
      ).toString('base64url')
      const forged = `${head}.${other}.${signature}`
      await knex('audit_checkpoint').where({ number: 1 }).update({ jws: forged })
      expect((await verify()).all[0]).toMatchObject({ kind: 'checkpoint-forged', checkpoint: 1 })
      await knex('audit_checkpoint').where({ number: 1 }).update({ number: 9, jws: forged })
      expect((await verify()).all.filter(({ kind }) => kind === 'checkpoint-forged')).toMatchObject([
        { checkpoint: 9, text: 'its signature is not good' },
      ])
    })
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_checkpoint').where({ number: 1 }).del()
      expect((await verify()).all).toMatchObject([{ kind: 'checkpoint-missing', checkpoint: 1 }])
      expect((await verify({ kept: ['none.of.it'] })).all[0]).toMatchObject({ kind: 'checkpoint-forged' })
    })
  })

  it('is found whatever they do to random rows, as long as one checkpoint was kept', async () => {
    // Before the last checkpoint: of what came later nobody kept anything.
    const signed = new Map(readCheckpoint(kept.at(-1) ?? '')?.content.heads.map(({ chain, sequence }) => [chain, sequence]))
    const victims = fc
      .constantFrom(...signed.keys())
      .chain((chain) =>
        fc.tuple(fc.constant(chain), fc.uniqueArray(fc.nat({ max: (signed.get(chain) ?? 1) - 1 }), { minLength: 1, maxLength: 3 })),
      )
    await fc.assert(
      fc.asyncProperty(victims, fc.constantFrom('change', 'delete', 'swap'), fc.boolean(), async ([chain, places], deed, rehashed) => {
        await tampering(at.database, async (database) => {
          const { knex } = database
          const ids = places.map((place) => rowAt(chain, place + 1).record.id)
          for (const id of ids) {
            if (deed === 'change')
              await knex('audit_event')
                .where({ id })
                .update({ after: JSON.stringify({ roles: ['admin'] }) })
            else if (deed === 'delete') await knex('audit_event').where({ id }).del()
            else
              await knex('audit_event')
                .where({ id })
                .update({ user_id: createHash('md5').update(String(id)).digest('hex') })
          }
          if (rehashed) {
            // Gaps are closed too.
            const left = (await all()).filter(({ link }) => link?.chain === chain)
            for (const [index, { record }] of left.entries())
              await knex('audit_event')
                .where({ id: record.id })
                .update({ sequence: index + 1 })
            await knex('audit_head').where({ chain }).update({ sequence: left.length })
            await rehash(database, chain, 1)
          }
          const { findings } = await verify({ kept: kept.slice(1) })
          expect(findings.filter((one) => one.chain === chain).length).toBeGreaterThan(0)
          if (!rehashed) expect(findings[0]?.sequence).toBe(Math.min(...places) + 1)
        })
      }),
      { numRuns: 15 },
    )
  }, 60_000)

  it('finds an honest chain beside a broken one unharmed', async () => {
    await tampering(at.database, async ({ knex }) => {
      const chain = eventChain()
      await knex('audit_event')
        .where({ id: inChain(chain)[0]?.record.id ?? 0 })
        .update({ actor: 'nobody' })
      expect((await verify()).findings).toMatchObject([{ kind: 'changed', chain, sequence: 1 }])
    })
  })
})
