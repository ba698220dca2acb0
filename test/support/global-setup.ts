/** Before the first suite of a run: a place to ask for PostgreSQL, and a folder for what suites share. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, openBroker } from './postgres-broker.ts'

declare global {
  var castellanTestBroker: Broker | undefined
}

// biome-ignore lint/style/noDefaultExport: Jest calls the default export
export default async function setUp(): Promise<void> {
  process.env['CASTELLAN_TEST_SHARED_FOLDER'] = await mkdtemp(join(tmpdir(), 'castellan-tests-'))
  const broker = await openBroker()
  globalThis.castellanTestBroker = broker
  process.env['CASTELLAN_TEST_POSTGRES_BROKER_PORT'] = String(broker.port)
}
