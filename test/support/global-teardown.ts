/** After the last suite of a run: stops the server that suites shared and removes their folder. */
import { rm } from 'node:fs/promises'
import './global-setup.ts'

// biome-ignore lint/style/noDefaultExport: Jest calls the default export
export default async function tearDown(): Promise<void> {
  await globalThis.castellanTestBroker?.close()
  const folder = process.env['CASTELLAN_TEST_SHARED_FOLDER']
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
