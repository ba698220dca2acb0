/** The image that new embedded databases begin from: the same schema as migrating makes, of this build alone, and nobody's secrets twice. */
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemRandom } from '../../src/ground/random.ts'
import type { Database } from '../../src/store/database.ts'
import { makePreparedDatabase } from '../../src/store/make-prepared-database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import {
  hashOfMigrations,
  IMAGE_FILE,
  IMAGE_STAMP_FILE,
  layOutDatabase,
  ownDatabase,
  pgliteVersion,
  readPreparedDatabase,
} from '../../src/store/prepared-database.ts'
import { openTestPglite } from '../support/stores.ts'

const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname

let folder: string
let image: Buffer
const opened: Database[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-image-'))
  image = gunzipSync(await makePreparedDatabase(join(folder, 'made')))
})
afterAll(async () => {
  for (const database of opened) await database.close()
  await rm(folder, { recursive: true, force: true })
})

async function open(name: string): Promise<Database> {
  const database = await openDatabase({ kind: 'pglite', dataDirectory: join(folder, name) })
  opened.push(database)
  return database
}

/** Everything that migrations make: what is where, and what stands in it. */
async function contentOf(database: Database): Promise<unknown> {
  const rows = async (sql: string) =>
    ((await database.knex.raw(sql)) as { readonly rows: readonly Readonly<Record<string, unknown>>[] }).rows
  const tables = (
    await rows(`select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`)
  ).map(({ name }) => String(name))
  const held = tables.filter((name) => !['access_head', 'schema_migration'].includes(name))
  return {
    tables,
    columns: await rows(`select attrelid::regclass::text as relation, attnum, attname, format_type(atttypid, atttypmod) as type, attnotnull,
      attidentity, attcollation, pg_get_expr(adbin, adrelid) as given
      from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace) and attnum > 0 order by 1, 2`),
    relations: await rows(`select relname, relkind, reloptions::text from pg_class where relnamespace = 'public'::regnamespace order by 1`),
    constraints: await rows(`select conrelid::regclass::text as relation, conname, pg_get_constraintdef(oid) as is
      from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`),
    indexes: await rows(`select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`),
    triggers: await rows(`select tgname, pg_get_triggerdef(oid) as is from pg_trigger where not tgisinternal order by 1, 2`),
    functions: await rows(
      `select proname, pg_get_functiondef(oid) as is from pg_proc where pronamespace = 'public'::regnamespace order by 1, 2`,
    ),
    migrations: await rows('select id, name, batch from schema_migration order by id'),
    head: await rows(`select position, policy_revision, policy_position, pruned_through from access_head`),
    held: await Promise.all(held.map(async (name) => [name, await rows(`select * from "${name}" order by 1`)])),
  }
}

async function identityOf(database: Database): Promise<{ readonly incarnation: string; readonly cache_secret: Buffer }> {
  return await database.knex('access_head').first('incarnation', 'cache_secret')
}

describe('a database from the image', () => {
  it('is what migrating an empty one makes, to the last constraint, and has nothing left to migrate', async () => {
    await layOutDatabase(image, join(folder, 'one'))
    const laidOut = await open('one')
    const migrated = await openTestPglite()
    opened.push(migrated)
    await migrate(migrated)
    expect(await migrate(laidOut)).toEqual({ applied: [] })
    const content = await contentOf(laidOut)
    expect(content).toEqual(await contentOf(migrated))
    expect(content).toMatchObject({ tables: expect.arrayContaining(['access_head', 'audit_event', 'signing_key']) })
  })

  it('never shares its incarnation and its secret with another one, nor changes them once it has them', async () => {
    await layOutDatabase(image, join(folder, 'two'))
    await layOutDatabase(image, join(folder, 'three'))
    const [two, three] = [await open('two'), await open('three')]
    const nobodys = await identityOf(two)
    expect(await identityOf(three)).toEqual(nobodys)
    for (const database of [two, three]) await ownDatabase(database, systemRandom)
    const [ofTwo, ofThree] = [await identityOf(two), await identityOf(three)]
    expect(new Set([nobodys, ofTwo, ofThree].map(({ incarnation }) => incarnation)).size).toBe(3)
    expect(new Set([nobodys, ofTwo, ofThree].map(({ cache_secret }) => cache_secret.toString('hex'))).size).toBe(3)
    await ownDatabase(two, systemRandom)
    expect(await identityOf(two)).toEqual(ofTwo)
  })

  it('is laid out anew where a start was killed half-way', async () => {
    await mkdir(join(folder, 'four.new', 'base'), { recursive: true })
    await writeFile(join(folder, 'four.new', 'left-over'), '')
    await layOutDatabase(image, join(folder, 'four'))
    expect(await readdir(join(folder, 'four'))).not.toContain('left-over')
    expect(await readdir(folder)).not.toContain('four.new')
  })

  it('is not made of an archive that is cut off: nothing stands where it would be', async () => {
    await expect(layOutDatabase(image.subarray(0, image.length / 2), join(folder, 'five'))).rejects.toThrow('cut off')
    expect(await readdir(folder)).not.toContain('five')
  })
})

describe('the image of a build', () => {
  async function built(stamp: unknown, archive: Buffer = gzipSync(Buffer.from('an image'))): Promise<string> {
    const dist = await mkdtemp(join(folder, 'dist-'))
    await writeFile(join(dist, IMAGE_STAMP_FILE), JSON.stringify(stamp))
    await writeFile(join(dist, IMAGE_FILE), archive)
    return dist
  }

  it('is taken when it is of these migrations and this PGlite', async () => {
    const dist = await built({ pglite: await pgliteVersion(), migrations: ['another', await hashOfMigrations(MIGRATIONS)] })
    expect((await readPreparedDatabase(dist))?.toString()).toBe('an image')
  })

  it.each([
    ['of other migrations', async () => await built({ pglite: await pgliteVersion(), migrations: ['another'] })],
    ['of another PGlite', async () => await built({ pglite: '0.0.0', migrations: [await hashOfMigrations(MIGRATIONS)] })],
    [
      'damaged',
      async () => await built({ pglite: await pgliteVersion(), migrations: [await hashOfMigrations(MIGRATIONS)] }, Buffer.from('no')),
    ],
    ['without a stamp', async () => await mkdtemp(join(folder, 'dist-'))],
  ])('is left alone when it is %s', async (_name, dist) => {
    expect(await readPreparedDatabase(await dist())).toBeUndefined()
  })

  it('tells migrations apart by a single character', async () => {
    const changed = await mkdtemp(join(folder, 'migrations-'))
    for (const name of await readdir(MIGRATIONS)) await copyFile(join(MIGRATIONS, name), join(changed, name))
    expect(await hashOfMigrations(changed)).toBe(await hashOfMigrations(MIGRATIONS))
    await writeFile(join(changed, '0011-replicating-callers.ts'), '// other\n', { flag: 'a' })
    expect(await hashOfMigrations(changed)).not.toBe(await hashOfMigrations(MIGRATIONS))
  })
})
