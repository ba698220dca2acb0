/** `npm run bench`: installs the peers when they are missing or others than the lockfile says, and runs the bench. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const root = dirname(folder)

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

/** Whether what is installed is what the lockfile names, by npm's own note of it. */
function installed() {
  const note = join(folder, 'node_modules/.package-lock.json')
  if (!existsSync(note)) return false
  const { packages } = JSON.parse(readFileSync(note, 'utf8'))
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, { version }]) => path === '' || packages[path]?.version === version)
}

const args = process.argv.slice(2)
if (!args.includes('--help') && !args.includes('-h')) {
  if (!installed()) run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], folder)
  run(process.execPath, [join(root, 'scripts/build.mjs'), '--if-needed'], root)
}
const loader = pathToFileURL(join(root, 'test/chaos/typescript.mjs')).href
run(process.execPath, ['--no-warnings=ExperimentalWarning', '--import', loader, join(folder, 'run.ts'), ...args], root)
