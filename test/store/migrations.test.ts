/** Migrating, on both kinds of database. */
import { afterAll, describe, expect, it } from '@jest/globals'
import * as tenantsAndSubjects from '../../migrations/0001-tenants-and-subjects.ts'
import * as roleAssignments from '../../migrations/0002-role-assignments.ts'
import * as accessFeed from '../../migrations/0003-access-feed.ts'
import * as policyRevisions from '../../migrations/0004-policy-revisions.ts'
import * as callers from '../../migrations/0005-callers.ts'
import * as audit from '../../migrations/0006-audit.ts'
import * as freshness from '../../migrations/0007-freshness.ts'
import * as identity from '../../migrations/0008-identity.ts'
import * as policyReleases from '../../migrations/0009-policy-releases.ts'
import * as seeingDecisions from '../../migrations/0010-seeing-decisions.ts'
import type { Database } from '../../src/store/database.ts'
import { openFeed } from '../../src/store/feed-reader.ts'
import { migrate, migrationStatus } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openStore } from '../../src/store/store.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { openTestPglite } from '../support/stores.ts'

type Schema = Readonly<Record<string, { up(db: Database['knex']): Promise<void> }>>
const SCHEMA_01: Schema = {
  '0001-tenants-and-subjects': tenantsAndSubjects,
  '0002-role-assignments': roleAssignments,
  '0003-access-feed': accessFeed,
  '0004-policy-revisions': policyRevisions,
  '0005-callers': callers,
  '0006-audit': audit,
}

const opened: { close(): Promise<void> }[] = []

afterAll(async () => {
  for (const part of opened.reverse()) await part.close()
})

async function emptyPostgres(): Promise<TestPostgres> {
  const postgres = await openTestPostgres()
  opened.push(postgres)
  return postgres
}

async function connectTo(url: string): Promise<Database> {
  const database = await openDatabase({ kind: 'postgres', url, poolMax: 2 })
  opened.push(database)
  return database
}

async function emptyPglite(): Promise<Database> {
  const database = await openTestPglite()
  opened.push(database)
  return database
}

describe.each(['pglite', 'postgres'] as const)('migrating on %s', (kind) => {
  const empty = async () => (kind === 'pglite' ? await emptyPglite() : await connectTo((await emptyPostgres()).url))

  it('brings an empty database to this build, and a second time does nothing', async () => {
    const database = await empty()
    const before = await migrationStatus(database)
    expect(before).toMatchObject({ applied: [], unknown: [] })
    expect(before.pending[0]).toBe('0001-tenants-and-subjects')
    expect((await migrate(database)).applied).toEqual(before.pending)
    expect((await migrate(database)).applied).toEqual([])
    expect(await migrationStatus(database)).toEqual({ applied: before.pending, pending: [], unknown: [] })
  })

  it('refuses a database that is ahead, says by what, and changes nothing', async () => {
    const database = await empty()
    await migrate(database)
    await database.knex('schema_migration').insert({ name: '9999-from-the-future', batch: 9, migration_time: new Date() })
    await database.knex('schema_migration').where({ name: '0006-audit' }).del()
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'database_ahead',
      publicMessage: expect.stringContaining('9999-from-the-future'),
    })
    const status = await migrationStatus(database)
    expect(status).toMatchObject({ unknown: ['9999-from-the-future'], pending: ['0006-audit'] })
  })

  it('keeps nothing of a migration that failed half way', async () => {
    const database = await empty()
    await database.knex.raw('create table audit_event (in_the_way text)')
    await expect(migrate(database)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await database.knex.schema.hasTable('tenant')).toBe(false)
    expect((await migrationStatus(database)).applied).toEqual([])
    await database.knex.raw('drop table audit_event')
    expect((await migrate(database)).applied).toHaveLength(11)
  })
})

describe.each(['pglite', 'postgres'] as const)('a database of version 0.1 on %s', (kind) => {
  it('keeps the policy in force and the feed, and older processes go on writing them', async () => {
    const database = kind === 'pglite' ? await emptyPglite() : await connectTo((await emptyPostgres()).url)
    await migrateTo(database, SCHEMA_01)
    const { knex } = database
    for (const revision of ['one', 'two']) {
      await knex('policy_revision').insert({ revision, content: `{"${revision}":1}`, source: 'test' })
      await knex('policy_activation').insert({ revision, actor: 'system' })
    }
    const appendAsBefore = async (kindOfChange: string): Promise<number> => {
      const [head] = await knex('access_head').increment('position', 1).returning('position')
      const row = { position: head.position, ordinal: 0, kind: kindOfChange, tenant_id: null, user_id: null, caller_id: null }
      await knex('access_changes').insert(kindOfChange === 'policy' ? row : { ...row, user_id: 'ann' })
      return head.position
    }
    const known = await appendAsBefore('user')
    const active = await appendAsBefore('policy')
    expect((await migrate(database)).applied).toEqual([
      '0007-freshness',
      '0008-identity',
      '0009-policy-releases',
      '0010-seeing-decisions',
      '0011-replicating-callers',
    ])
    const later = await appendAsBefore('policy')
    const last = await appendAsBefore('user')
    const feed = openFeed(database, 'replica')
    const reading = await feed.reader.read({ knownPosition: known })
    expect([active, later]).toEqual([known + 1, known + 2])
    expect(reading).toMatchObject({ head: last, prunedThrough: 0, policy: { revision: 'two', position: 0 } })
    expect(reading.changes).toMatchObject([{ kind: 'user', user: 'ann', position: last }])
    await feed.close()
    const store = openStore(database)
    expect(await store.change((change) => change.findActiveRevisionName())).toBe('two')
    expect(await store.records.findRevision('one')).toBe('{"one":1}')
  })
})

describe.each(['pglite', 'postgres'] as const)('a database of version 0.2 on %s', (kind) => {
  it('keeps its people, callers and history, and older processes go on writing them', async () => {
    const database = kind === 'pglite' ? await emptyPglite() : await connectTo((await emptyPostgres()).url)
    await migrateTo(database, { ...SCHEMA_01, '0007-freshness': freshness })
    const { knex } = database
    const key = (id: string): Buffer => Buffer.alloc(32, id)
    const writeAsBefore = async (id: string): Promise<void> => {
      await knex('subject').insert({ id, email: `Ann.\u{ff21}@Hospital.Example`, state: 'deactivated', epoch: 3 })
      await knex('caller').insert({ id, name: id, key_hash: key(id), scopes: ['decide'] })
      await knex('audit_event').insert({ action: 'user.put', result: 'noop', actor: 'system', actor_name: 'System', user_id: id })
    }
    await writeAsBefore('before')
    expect((await migrate(database)).applied).toEqual([
      '0008-identity',
      '0009-policy-releases',
      '0010-seeing-decisions',
      '0011-replicating-callers',
    ])
    await writeAsBefore('later')
    const store = openStore(database)
    for (const id of ['before', 'later']) {
      expect(await store.records.findUser(id)).toMatchObject({ state: 'deactivated', epoch: 3 })
      expect((await store.records.findCallerByKeyHash(key(id))).caller).toMatchObject({ id, expiresAtMs: null })
    }
    expect((await store.identity.listUsersByEmail('ann.a@hospital.example')).map((user) => user.id)).toEqual(['before', 'later'])
    const { items } = await store.records.listAudit({}, null, { pageSize: 10 })
    expect(items.map((record) => record.user)).toEqual(['later', 'before'])
    await knex('subject').where({ id: 'before' }).update({ state: 'invited' })
    expect((await store.access.resolve('t', 'before')).user).toMatchObject({ deactivated: true })
    await expect(knex('subject').where({ id: 'before' }).update({ state: 'deleted' })).rejects.toMatchObject({ code: '23514' })
  })
})

describe.each(['pglite', 'postgres'] as const)('a database of version 0.3 on %s', (kind) => {
  it('knows every permission that was ever in force, each with the bit it has, and older processes go on activating', async () => {
    const database = kind === 'pglite' ? await emptyPglite() : await connectTo((await emptyPostgres()).url)
    await migrateTo(database, { ...SCHEMA_01, '0007-freshness': freshness, '0008-identity': identity })
    const { knex } = database
    const bundle = (...names: string[]) => JSON.stringify({ permissions: names.map((name) => ({ name, code: `c.${name}` })) })
    for (const [revision, names] of [
      ['one', ['b', 'a']],
      ['two', ['a', 'd']],
      ['kept', ['never']],
    ] as const)
      await knex('policy_revision').insert({ revision, content: bundle(...names), source: 'test' })
    for (const revision of ['one', 'two', 'one']) await knex('policy_activation').insert({ revision, actor: 'system' })
    await knex('permission_index').insert({ bit: 0, name: 'd', code: 'c.d' })
    await knex('replica').insert({ id: 'old', policy_revision: 'one' })
    expect((await migrate(database)).applied).toEqual(['0009-policy-releases', '0010-seeing-decisions', '0011-replicating-callers'])
    const store = openStore(database)
    expect((await store.identity.listPermissionIndex()).map(({ bit, name }) => [bit, name])).toEqual([
      [0, 'd'],
      [1, 'a'],
      [2, 'b'],
    ])
    expect(await store.replicas.list()).toMatchObject([{ id: 'old', policyRevision: 'one', policySinceMs: null }])
    await knex('policy_activation').insert({ revision: 'two', actor: 'system' })
    expect(await store.change((change) => change.listUnindexedRevisions())).toEqual(['two'])
    expect(await store.records.findRevisionsByPrefix('two')).toEqual([])
  })
})

describe.each(['pglite', 'postgres'] as const)('a database of version 0.5 on %s', (kind) => {
  it('keeps its callers as they are, takes the scope replicate and no unknown one, and older processes go on writing callers', async () => {
    const database = kind === 'pglite' ? await emptyPglite() : await connectTo((await emptyPostgres()).url)
    await migrateTo(database, {
      ...SCHEMA_01,
      ...{ '0007-freshness': freshness, '0008-identity': identity, '0009-policy-releases': policyReleases },
      '0010-seeing-decisions': seeingDecisions,
    })
    const { knex } = database
    const key = (id: string): Buffer => Buffer.alloc(32, id)
    const write = async (id: string, ...scopes: string[]): Promise<void> => {
      await knex('caller').insert({ id, name: id, key_hash: key(id), scopes })
    }
    await write('before', 'decide', 'administer', 'publish', 'audit')
    await expect(write('early', 'replicate')).rejects.toMatchObject({ code: '23514' })
    expect((await migrate(database)).applied).toEqual(['0011-replicating-callers'])
    await write('later', 'audit')
    await write('replica', 'decide', 'replicate')
    await expect(write('wrong', 'decide', 'rule')).rejects.toMatchObject({ code: '23514' })
    await expect(knex.raw(`update caller set scopes = array['decide', null] where id = 'later'`)).rejects.toMatchObject({ code: '23514' })
    const store = openStore(database)
    const scopesOf = async (id: string) => (await store.records.findCallerByKeyHash(key(id))).caller?.scopes
    expect(await scopesOf('before')).toEqual(['decide', 'administer', 'publish', 'audit'])
    expect(await scopesOf('replica')).toEqual(['decide', 'replicate'])
  })
})

describe('several migrators', () => {
  it.each([2, 20])('of %i at once one does the work and all succeed', async (count) => {
    const { url } = await emptyPostgres()
    const databases = await Promise.all(Array.from({ length: count }, () => connectTo(url)))
    const results = await Promise.all(databases.map((database) => migrate(database)))
    const applied = results.map((result) => result.applied.length).sort((a, b) => b - a)
    expect(applied).toEqual([11, ...Array.from({ length: count - 1 }, () => 0)])
  })

  it('waits for one that holds the lock, says so, and goes on when that one dies', async () => {
    const { url, query } = await emptyPostgres()
    const [other, database] = [await connectTo(url), await connectTo(url)]
    const { ended } = await holdMigrationLock(other)
    let say: (text: string) => void = () => undefined
    const said = new Promise<string>((resolve) => {
      say = resolve
    })
    const migrating = migrate(database, { log: { info: (text) => say(text) }, waitNoticeMs: 1 })
    expect(await said).toMatch(/another migrator/)
    await endLockHolders(query)
    await expect(ended).rejects.toBeDefined()
    expect((await migrating).applied).toHaveLength(11)
    expect((await migrationStatus(database)).pending).toEqual([])
  })

  it('gives up with a clear error when the other one does not end', async () => {
    const { url, query } = await emptyPostgres()
    const [other, database] = [await connectTo(url), await connectTo(url)]
    const { ended } = await holdMigrationLock(other)
    await expect(migrate(database, { waitMsMax: 50 })).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('Another migrator'),
    })
    await endLockHolders(query)
    await expect(ended).rejects.toBeDefined()
  })
})

describe('a migrator that was killed', () => {
  it("leaves nothing that blocks the next one, not even knex's own lock row", async () => {
    const { url } = await emptyPostgres()
    const database = await connectTo(url)
    await migrate(database)
    await database.knex('schema_migration_lock').update({ is_locked: 1 })
    await database.knex('schema_migration').whereIn('name', ['0006-audit', '0010-seeing-decisions']).del()
    await database.knex.raw(
      'drop table audit_event, audit_head, audit_checkpoint, decision_log, decision_log_loss, decision_log_terms, decision_use',
    )
    await database.knex.raw('drop index role_assignment_holders_ever, role_assignment_by_end, role_assignment_by_end_of_tenant')
    await database.knex.raw('drop function refuse_change')
    expect((await migrate(database)).applied).toEqual(['0006-audit', '0010-seeing-decisions'])
  })
})

/** Resolves once the lock is held by a transaction of `database`; `ended` settles with that transaction. */
/** Of this database alone: other suites run on the same server. */
async function endLockHolders(query: (sql: string) => Promise<unknown>): Promise<void> {
  await query(`select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`)
}

async function holdMigrationLock(database: Database): Promise<{ readonly ended: Promise<void> }> {
  let held = () => {}
  const holding = new Promise<void>((resolve) => {
    held = resolve
  })
  const ended = database.unboundedTransaction(async (transaction) => {
    await transaction.raw('select pg_advisory_xact_lock(27973498010364012)')
    held()
    await transaction.raw('select pg_sleep(3600)')
  })
  ended.catch(() => undefined)
  await holding
  return { ended }
}

/** As an older release left it. */
async function migrateTo(database: Database, schema: Schema): Promise<void> {
  const names = Object.keys(schema)
  await database.knex.migrate.latest({
    tableName: 'schema_migration',
    migrationSource: {
      getMigrations: async () => names,
      getMigrationName: (name: string) => name,
      getMigration: async (name: string) => ({ up: async (db) => await schema[name]?.up(db), down: async () => undefined }),
    },
  })
}
