/** A headless Chromium of the system (scripts/need-chromium.mjs sees to it), and nothing of the network but what a test opens. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

export async function openBrowser(): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const executablePath = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path))
  if (executablePath === undefined) throw new Error(`No ${NAMES.join(', ')} on the PATH: node scripts/need-chromium.mjs`)
  // Without a sandbox of its own: tests may run as root, and open only our own pages.
  return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
