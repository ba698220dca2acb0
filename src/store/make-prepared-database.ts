/** Makes the image that prepared-database.ts begins from, when dist/ is built. No service loads it. Floor 2. */
import { PGlite } from '@electric-sql/pglite'
import { migrate } from './migrations.ts'
import { openDatabase } from './open-database.ts'
import { disownDatabase } from './prepared-database.ts'

/**
 * The bytes of a tar.gz: migrated, of nobody yet.
 * @param dataDirectory does not exist; the caller removes it. On disk, because what our database has open cannot be dumped
 */
export async function makePreparedDatabase(dataDirectory: string): Promise<Buffer> {
  const database = await openDatabase({ kind: 'pglite', dataDirectory })
  try {
    await migrate(database)
    await disownDatabase(database)
  } finally {
    await database.close()
  }
  const instance = await PGlite.create(dataDirectory)
  try {
    return Buffer.from(await (await instance.dumpDataDir('gzip')).arrayBuffer())
  } finally {
    await instance.close()
  }
}
