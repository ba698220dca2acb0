/** Chains of audit records as they are written: what is hashed is what is stored, without gaps, whoever else writes. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { hashOfRecord } from '../../src/store/audit-chain.ts'
import { auditRow, chainedOf, verifyStore } from '../support/audit-evidence.ts'
import { describeEachStore } from '../support/stores.ts'

/** Text that a careless path would store otherwise than it was hashed; a NUL no database of ours takes at all. */
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom('\ud800', 'a\udc00b', '\ud83d\ude00', '\u2028', 'é', 'e\u0301', '"\\', '\u0001', ''),
)
const hostileNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 5e-324, Number.MAX_VALUE, 1e21, 123456789012345680000, 0.1, Number.MAX_SAFE_INTEGER + 2),
)
const hostileName = fc.oneof(hostileText, fc.constantFrom('__proto__', 'constructor', 'toString', '1', '01', '\ud800', '\udfff'))
const hostileValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(hostileText, hostileNumber, fc.boolean(), fc.constant(null), fc.constant(undefined)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(hostileName, tie('value'), { maxKeys: 4 }),
  ),
})).value

describeEachStore('the chains of the audit', (current, kind) => {
  it('hash what is read back, whatever before, after and the texts held', async () => {
    const { store } = current()
    const rows: { readonly hash: string; readonly again: string }[] = []
    await fc.assert(
      fc.asyncProperty(hostileValue, hostileValue, hostileText, hostileText, async (before, after, reason, user) => {
        const actor = randomUUID()
        await store.change(async (change) => {
          await change.appendAudit(auditRow({ actor, actorName: reason.slice(0, 20), reason: reason.slice(0, 20), before, after }))
          await change.appendAudit(auditRow({ actor, user: `u${user.slice(0, 20)}`, requestId: reason.slice(0, 20) }))
        })
      }),
      { numRuns: 60 },
    )
    for await (const { record, link } of chainedOf(store, 500))
      if (link !== undefined) rows.push({ hash: link.hash, again: hashOfRecord(record, link) })
    expect(rows.length).toBeGreaterThanOrEqual(120)
    expect(rows.map(({ again }) => again)).toEqual(rows.map(({ hash }) => hash))
    expect((await verifyStore(store)).findings).toEqual([])
  })

  it('have the records of a change in the order in which they were told, at one time, in one chain', async () => {
    const { store } = current()
    const actor = randomUUID()
    await store.change(async (change) => {
      await change.appendAudit(auditRow({ actor, user: 'ann', target: 'one' }))
      await change.appendAudit(auditRow({ actor, user: 'bob', target: 'two' }))
      await change.appendFeed([{ kind: 'user', user: 'ann' }])
      await change.appendAudit(auditRow({ actor, user: 'cleo', target: 'three' }))
    })
    const { items } = await store.records.listAudit({ actor }, null, { pageSize: 10 })
    expect(items.map(({ target }) => target)).toEqual(['three', 'two', 'one'])
    expect(new Set(items.map(({ atMs }) => atMs)).size).toBe(1)
    const places = []
    for await (const { record, link } of chainedOf(store)) if (record.actor === actor) places.push(link)
    expect(places.map((link) => link?.chain)).toEqual([0, 0, 0])
  })

  it('are left alone by a change that is rolled back, and by one that audits nothing', async () => {
    const { store } = current()
    const heads = await store.auditTrail.listHeads()
    const failed = store.change(async (change) => {
      await change.appendAudit(auditRow({ user: 'ann' }))
      throw new Error('changed its mind')
    })
    await expect(failed).rejects.toThrow('changed its mind')
    await store.change(async (change) => {
      await change.appendFeed([{ kind: 'user', user: 'ann' }])
    })
    expect(await store.auditTrail.listHeads()).toEqual(heads)
  })

  it('do not let a change commit whose record cannot be written', async () => {
    const { store, database } = current()
    const [user, heads] = [randomUUID(), await store.auditTrail.listHeads()]
    await database.knex.raw(`alter table audit_event add constraint not_this check (target <> 'this') not valid`)
    const change = store.change(async (transaction) => {
      await transaction.ensureUser(user)
      await transaction.appendAudit(auditRow({ user, target: 'this' }))
    })
    await expect(change).rejects.toMatchObject({ code: 'store_unavailable' })
    await database.knex.raw('alter table audit_event drop constraint not_this')
    expect(await store.records.findUser(user)).toBeUndefined()
    expect(await store.auditTrail.listHeads()).toEqual(heads)
  })

  it('have no gap, and nobody waits for ever, while changes and logins write at once and some are rolled back', async () => {
    const { store } = current()
    const before = await verifyStore(store)
    const tried = await Promise.allSettled(
      Array.from({ length: kind === 'postgres' ? 200 : 40 }, (_, number) =>
        store.change(async (change) => {
          const user = `person-${number % 23}`
          await change.lockUser(user)
          if (number % 3 === 0) await change.appendAudit(auditRow({ user, tenant: 'acme' }))
          if (number % 3 === 0) await change.appendFeed([{ kind: 'user', user }])
          for (let more = 0; more <= number % 4; more++) await change.appendAudit(auditRow({ user, action: 'login.succeed' }))
          if (number % 7 === 0) throw new Error('rolled back')
        }),
      ),
    )
    const faults = tried.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
    expect(new Set(faults)).toEqual(new Set(['Error: rolled back']))
    const after = await verifyStore(store)
    expect(after.findings).toEqual([])
    const written = (verdict: typeof after) => verdict.chained
    const expected = tried.reduce(
      (sum, one, number) => sum + (one.status === 'rejected' ? 0 : 1 + (number % 4) + (number % 3 === 0 ? 1 : 0)),
      0,
    )
    expect(written(after) - written(before)).toBe(expected)
    const heads = await store.auditTrail.listHeads()
    expect(heads.reduce((sum, head) => sum + head.sequence, 0)).toBe(after.chained)
    expect(heads.filter((head) => head.sequence > 0).length).toBeGreaterThan(4)
  }, 60_000)

  it('do not run backwards in time, also when the clock of the database does', async () => {
    const { store, database } = current()
    const actor = randomUUID()
    const write = () => store.change((change) => change.appendAudit(auditRow({ actor, user: 'tim' })))
    await write()
    await database.knex('audit_head').update({ at: database.knex.raw(`clock_timestamp() + interval '1 hour'`) })
    await write()
    await write()
    const { items } = await store.records.listAudit({ actor }, null, { pageSize: 10 })
    const [third = 0, second = 0, first = 0] = items.map(({ atMs }) => atMs)
    expect(second - first).toBeGreaterThan(3_000_000)
    expect(third).toBeGreaterThanOrEqual(second)
  })

  it('are read page by page, unchained records first, from any place in a chain; a token of another form is refused', async () => {
    const { store, database } = current()
    const inOnePage = (await store.auditTrail.listChained({ pageSize: 1_000 })).items
    await database.knex('audit_event').insert({ action: 'user.put', result: 'applied', actor: 'old', actor_name: 'Old' })
    const all = []
    for await (const one of chainedOf(store, 3)) all.push(one)
    expect(all[0]).toMatchObject({ record: { actor: 'old' }, link: undefined })
    expect(all.slice(1, 1_001)).toEqual(inOnePage)
    const zero = all.filter(({ link }) => link?.chain === 0)
    const after = await store.auditTrail.listChained({ pageSize: 2 }, { chain: 0, sequence: 1 })
    expect(after.items).toEqual(zero.slice(1, 3))
    const next = await store.auditTrail.listChained({ pageSize: 1_000, pageToken: after.nextPageToken ?? '' }, { chain: 0, sequence: 1 })
    expect(next.items).toEqual(zero.slice(3, 1_003))
    for (const key of ['x', '1.2', '99999.1.1', '1.2.3.4', '9999999999999999999', '1.9999999999999999999.1'])
      await expect(store.auditTrail.listChained({ pageSize: 1, pageToken: Buffer.from(key).toString('base64url') })).rejects.toMatchObject({
        code: 'request_invalid',
      })
  })
})

describe('a hash', () => {
  it('is over every part of a record and of its place', () => {
    const record = {
      ...auditRow({ tenant: 't', user: 'u', target: 'x', reason: 'r', before: 1, after: 2, position: 3, requestId: 'q' }),
      ...{ id: 7, atMs: 5 },
    }
    const place = { chain: 1, sequence: 2, previousHash: '0'.repeat(64) }
    const hashes = [
      hashOfRecord(record, place),
      ...Object.keys(record).map((name) =>
        hashOfRecord({ ...record, [name]: typeof record[name as 'user'] === 'string' ? 'other' : 9 }, place),
      ),
      hashOfRecord(record, { ...place, chain: 2 }),
      hashOfRecord(record, { ...place, sequence: 3 }),
      hashOfRecord(record, { ...place, previousHash: '1'.repeat(64) }),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
    // Fixed for ever: records that were written have to recompute with every later version.
    expect(hashes[0]).toBe('4d3d8ef5d96559c14118453861e77b50c016abe5623b2f258cda5ed2b670b0c9')
  })
})
