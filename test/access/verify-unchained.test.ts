/** Records without a link, and rows such as nothing of ours writes, under an attacker who can write to every table. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openAuditCheckpoints } from '../../src/access/audit-checkpoints.ts'
import { openLog } from '../../src/ground/log.ts'
import type { UnchainedRecords } from '../../src/model/audit-trail.ts'
import { NO_UNCHAINED } from '../../src/store/audit-chain.ts'
import type { Database } from '../../src/store/database.ts'
import { openCheckpointSigner, readCheckpoint } from '../../src/token/checkpoint-jws.ts'
import { auditRow, checkpointsOf, newAuditKey, tampering, verifyStore } from '../support/audit-evidence.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openPgliteStore, type TestStore } from '../support/stores.ts'

let at: TestStore & { close(): Promise<void> }
let audit: Awaited<ReturnType<typeof newAuditKey>>
let kept: readonly string[]
const PLAIN = { action: 'user.reactivate', result: 'applied', actor: 'system', actor_name: 'system', user_id: 'ann' }

beforeAll(async () => {
  at = await openPgliteStore()
  audit = await newAuditKey()
  for (const user of ['ann', 'bob', 'cleo'])
    await at.database.knex('audit_event').insert({ ...PLAIN, user_id: user, before: '{"state":"deactivated"}' })
  await write()
  await sign()
  await write()
  await sign()
  await write()
  kept = (await checkpointsOf(at.store)).map(({ jws }) => jws)
})
afterAll(() => at.close())

async function write(): Promise<void> {
  await at.store.change(async (change) => {
    await change.appendFeed([{ kind: 'user', user: 'ann' }])
    await change.appendAudit(auditRow({ user: 'ann', position: 1, before: null, after: { limit: 1e15, note: null } }))
  })
  await at.store.change((change) => change.appendAudit(auditRow({ user: 'ann', action: 'login.succeed' })))
}

/** As the service does. */
async function sign(): Promise<void> {
  const log = openLog('silent', { write: () => undefined })
  const signer = await openCheckpointSigner(audit.key)
  await openAuditCheckpoints({ store: at.store, signer, intervalMs: 0, clock: new ManualClock(), log }).close()
}

const verify = (evidence: Parameters<typeof verifyStore>[1] = {}) => verifyStore(at.store, { keys: audit.keys, kept, ...evidence })
const bare = () => verifyStore(at.store)
const since = () => readCheckpoint(kept.at(-1) ?? '')?.content.heads ?? []
const contentOf = async (number: number) => readCheckpoint((await checkpointsOf(at.store))[number - 1]?.jws ?? '')?.content
const oldIds = async () => (await at.database.knex('audit_event').whereNull('chain').orderBy('id').pluck('id')) as readonly number[]

async function insert({ knex }: Database, fields: object = {}): Promise<number> {
  const now = knex.raw('clock_timestamp()')
  const columns = { ...PLAIN, at: now, ...fields }
  const names = Object.keys(columns)
  const answer = await knex.raw(
    `insert into audit_event (${names.join(', ')}) overriding ${'id' in fields ? 'system' : 'user'} value values (${names.map(() => '?')}) returning id::text as id`,
    Object.values(columns) as never[],
  )
  return Number(answer.rows[0].id)
}

describe('records from before there were chains', () => {
  it('are in every checkpoint: how many, up to which id, and a hash over them', async () => {
    const ids = await oldIds()
    const expected = { count: 3, lastId: ids.at(-1), hash: expect.stringMatching(/^(?!0{64})[0-9a-f]{64}$/) }
    expect((await contentOf(1))?.unchained).toEqual(expected)
    expect((await contentOf(2))?.unchained).toEqual((await contentOf(1))?.unchained)
    expect(await verify()).toMatchObject({ all: [], unproven: 3, unprovenSince: 1 })
    expect(await verify({ since: since() })).toMatchObject({ all: [], unproven: 3, unprovenSince: 1 })
    expect(await bare()).toMatchObject({ all: [], unprovenSince: 1 })
  })

  it('are read anew for a checkpoint when there are others, and only then', async () => {
    const known = (await contentOf(1))?.unchained ?? NO_UNCHAINED
    const asked = async (before: UnchainedRecords | undefined) => {
      const found: UnchainedRecords[] = []
      await at.store.auditTrail.addCheckpoint(0, async (_, __, ___, unchained) => {
        found.push(await unchained(before))
        return undefined
      })
      return found[0]
    }
    expect(await asked(undefined)).toEqual(known)
    const carried = { ...known, hash: 'c'.repeat(64) }
    expect(await asked(carried)).toBe(carried)
    expect(await asked({ ...carried, count: 2 })).toEqual(known)
    expect(await asked({ ...carried, count: 4 })).toEqual(known)
    expect(await asked({ ...carried, lastId: known.lastId + 1 })).toEqual(known)
    await tampering(at.database, async (database) => {
      expect(await asked(NO_UNCHAINED)).toEqual(known)
      await insert(database)
      expect(await asked(known)).toMatchObject({ count: 4 })
      await database.knex('audit_event').whereNull('chain').del()
      expect(await asked(known)).toEqual(NO_UNCHAINED)
    })
  })

  it('cannot be joined by one with a low id, whatever it is and whatever is kept', async () => {
    for (const id of [-1, 0, -(2 ** 40)])
      await tampering(at.database, async (database) => {
        await insert(database, { id })
        const found = { findings: [{ kind: 'unchained', id }], unproven: 3 }
        expect(await verify()).toMatchObject(found)
        expect(await verify({ since: since() })).toMatchObject(found)
        expect(await verify({ upgradedThrough: 1_000 })).toMatchObject(found)
        expect(await bare()).toMatchObject(found)
        await database.knex('audit_checkpoint').del()
        expect(await bare()).toMatchObject(found)
      })
    // One that takes the id of another.
    await tampering(at.database, async (database) => {
      const [, second = 0] = await oldIds()
      const { knex } = database
      await knex('audit_event').where({ id: second }).del()
      expect((await verify()).findings).toMatchObject([{ kind: 'deleted', checkpoint: 1, text: expect.stringContaining('1 fewer') }])
      await insert(database, { id: second })
      expect((await verify()).findings).toMatchObject([{ kind: 'changed', checkpoint: 1 }])
    })
  })

  it('cannot be changed, deleted or doubled', async () => {
    const ids = await oldIds()
    for (const change of [{ before: '{"state":"active"}' }, { user_id: 'eve' }, { at: new Date(1_000) }, { reason: 'none' }])
      await tampering(at.database, async ({ knex }) => {
        await knex('audit_event')
          .where({ id: ids[1] ?? 0 })
          .update(change)
        expect(await verify()).toMatchObject({ findings: [{ kind: 'changed', checkpoint: 1 }], unprovenSince: undefined })
        expect((await verify({ since: since() })).findings).toMatchObject([{ kind: 'changed', checkpoint: 1 }])
      })
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event')
        .where({ id: ids[2] ?? 0 })
        .del()
      expect((await verify()).findings).toMatchObject([{ kind: 'deleted', id: ids[2] }])
      await knex('audit_event').whereNull('chain').del()
      expect((await verify()).findings).toMatchObject([{ kind: 'deleted', text: expect.stringContaining('3 fewer') }])
    })
    // Out of a chain: where it stood it is missing, and where it stands now nothing was.
    await tampering(at.database, async ({ knex }) => {
      await knex('audit_event').where({ chain: 0, sequence: 1 }).update({ chain: null, sequence: null, previous_hash: null, hash: null })
      expect((await verify()).findings).toMatchObject([{ kind: 'deleted', chain: 0, sequence: 1 }, { kind: 'unchained' }])
    })
  })

  it('that come later are found, unless an operator says that older processes wrote until there', async () => {
    await tampering(at.database, async (database) => {
      const older = await insert(database)
      const found = { findings: [{ kind: 'unchained', id: older, text: expect.stringContaining('--upgraded-through') }] }
      expect(await verify()).toMatchObject(found)
      expect(await verify({ since: since() })).toMatchObject(found)
      expect(await bare()).toMatchObject(found)
      expect(await verify({ upgradedThrough: older - 1 })).toMatchObject(found)
      expect(await verify({ upgradedThrough: older })).toMatchObject({ all: [], unproven: 4 })
      // The next checkpoint has it, and proves it from then on.
      await sign()
      const all = (await checkpointsOf(at.store)).map(({ jws }) => jws)
      expect(await verify({ kept: all, upgradedThrough: older })).toMatchObject({ all: [], unprovenSince: 3 })
      expect(await verify({ kept: all.slice(2) })).toMatchObject({ all: [], unprovenSince: 3 })
      await database.knex('audit_event').where({ id: older }).update({ user_id: 'eve' })
      expect((await verify({ kept: all, upgradedThrough: older })).findings).toMatchObject([{ kind: 'changed', checkpoint: 3 }])
      const later = await insert(database)
      expect((await verify({ kept: all, upgradedThrough: older })).findings.at(-1)).toMatchObject({ kind: 'unchained', id: later })
    })
  })

  it('are found without a checkpoint when they say that they came after chaining began', async () => {
    await tampering(at.database, async (database) => {
      await database.knex('audit_checkpoint').del()
      const [first = 0] = await oldIds()
      expect(await bare()).toMatchObject({ all: [], unprovenSince: undefined })
      await database.knex('audit_event').where({ id: first }).del()
      await insert(database, { id: first, at: new Date(Date.now() + 60_000) })
      expect((await bare()).findings).toMatchObject([{ kind: 'unchained', id: first }])
    })
  })

  it('are signed as they are now when somebody else put the last checkpoint there', async () => {
    await tampering(at.database, async () => {
      const forger = await openCheckpointSigner((await newAuditKey()).key)
      const heads = (await at.store.auditTrail.listHeads()).filter(({ sequence }) => sequence > 0)
      const known = (await contentOf(1))?.unchained ?? NO_UNCHAINED
      const unchained = { ...known, hash: 'f'.repeat(64) }
      await at.store.auditTrail.addCheckpoint(0, (last, _, atMs) =>
        forger.sign({ number: (last?.number ?? 0) + 1, atMs, heads, unchained }),
      )
      await sign()
      expect(await contentOf(4)).toMatchObject({ heads, unchained: known })
    })
  })
})

describe('a row such as nothing of ours writes', () => {
  const CASES: readonly (readonly [name: string, said: string, sql: string])[] = [
    ['a time without end', 'at infinity', `update audit_event set at = 'infinity' where id = ?`],
    ['a time before years', 'at ', `update audit_event set at = '0044-01-01 00:00:00Z BC' where id = ?`],
    ['a position beyond numbers', 'position 9223372036854775806', `update audit_event set position = 9223372036854775806 where id = ?`],
    ['a place beyond numbers', 'sequence 9223372036854775806', `update audit_event set sequence = 9223372036854775806 where id = ?`],
    ['a place before the first', 'sequence -3', `update audit_event set sequence = -3 where id = ?`],
    ['a chain below none', 'chain -5', `update audit_event set chain = -5 where id = ?`],
    ['a JSON null', 'before null', `update audit_event set before = 'null' where id = ?`],
    ['a number beyond numbers', 'after', `update audit_event set after = '{"limit":1000000000000000,"note":1e400}' where id = ?`],
    ['JSON without a floor', 'after', `update audit_event set after = (repeat('[', 3000) || repeat(']', 3000))::jsonb where id = ?`],
  ]
  const withoutChecks = async <T>(work: (database: Database) => Promise<T>) =>
    await tampering(at.database, async (database) => {
      const { knex } = database
      const { rows } = await knex.raw(
        `select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as is from pg_constraint
         where contype = 'c' and conrelid::regclass::text like 'audit_%'`,
      )
      for (const { table, name } of rows) await knex.raw(`alter table ${table} drop constraint ${name}`)
      const taken = async () => {
        for (const { table, name, is } of rows) await knex.raw(`alter table ${table} add constraint ${name} ${is} not valid`)
      }
      return await work(database).finally(taken)
    })

  it.each(CASES)(
    'is refused by the database, and named by a verifier when its owner put it there all the same: %s',
    async (_, said, sql) => {
      const [{ id }] = (await at.database.knex('audit_event').where({ chain: 0 }).orderBy('sequence', 'desc').limit(1)) as [{ id: number }]
      await withoutChecks(async ({ knex }) => {
        await knex.raw(sql, [id])
        for (const evidence of [{}, { since: since() }]) {
          const { findings } = await verify(evidence)
          expect(findings.find((one) => one.id === id)).toMatchObject({ kind: 'changed', text: expect.stringContaining(said) })
        }
        const { items } = await at.store.records.listAudit({}, null, { pageSize: 100 })
        expect(items.map((one) => one.id)).toContain(id)
        expect(JSON.stringify(items).length).toBeGreaterThan(100)
        await sign()
      })
      if (!said.startsWith('after'))
        await tampering(at.database, async ({ knex }) => {
          await expect(knex.raw(sql, [id])).rejects.toMatchObject({ code: '23514' })
        })
    },
  )

  it('is named by what comes nearest when its id is beyond numbers, and lists go on behind it', async () => {
    await withoutChecks(async (database) => {
      await insert(database, { id: '9223372036854775805' })
      await insert(database, { id: '-9223372036854775805' })
      const { findings } = await verify()
      const texts = findings.map(({ text }) => text).join('\n')
      expect(texts).toContain('id -9223372036854775805')
      await database.knex.raw('delete from audit_event where id < 0')
      expect((await verify()).findings[0]?.text).toContain('id 9223372036854775805')
      let pageToken: string | undefined
      let listed = 0
      do {
        const page = await at.store.records.listAudit({}, null, { pageSize: 2, ...(pageToken === undefined ? {} : { pageToken }) })
        listed += page.items.length
        pageToken = page.nextPageToken
      } while (pageToken !== undefined)
      expect(listed).toBeGreaterThanOrEqual(10)
    })
  })

  it('does not hide the others when it is a head or a checkpoint', async () => {
    await withoutChecks(async ({ knex }) => {
      await knex.raw('update audit_head set sequence = 9223372036854775806 where chain = 0')
      await knex.raw(`update audit_checkpoint set number = 9223372036854775806, at = 'infinity' where number = 2`)
      const { all } = await verify()
      expect(all).toContainEqual(expect.objectContaining({ kind: 'cut', chain: 0 }))
      expect(all).toContainEqual(expect.objectContaining({ kind: 'checkpoint-missing', checkpoint: 2 }))
      expect(all).toContainEqual(expect.objectContaining({ kind: 'checkpoint-forged' }))
      await knex.raw('update audit_head set chain = -1 where chain = 0')
      expect((await verify()).all).toContainEqual(expect.objectContaining({ kind: expect.stringMatching(/cut|head-missing/), chain: 0 }))
    })
  })

  it('is named when its time has parts that no time of ours has', async () => {
    await tampering(at.database, async ({ knex }) => {
      await knex.raw('alter table audit_event alter at type timestamptz(6)')
      await knex.raw(`update audit_event set at = at + interval '700 microseconds' where chain = 0 and sequence = 2`)
      expect((await verify()).findings).toMatchObject([{ kind: 'changed', chain: 0, sequence: 2, text: expect.stringContaining('at ') }])
      await knex.raw('alter table audit_event alter at type timestamptz(3)')
    })
  })
})
