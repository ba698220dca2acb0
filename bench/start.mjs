/** `npm run bench`: installs the peers when they are missing or others than the lockfile says, and runs the bench. */
import { spawn, spawnSync } from 'node:child_process'
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
function installed(place) {
  const note = join(place, 'node_modules/.package-lock.json')
  if (!existsSync(note)) return false
  const { packages } = JSON.parse(readFileSync(note, 'utf8'))
  const wanted = JSON.parse(readFileSync(join(place, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) => path === '' || packages[path]?.version === entry.version || foreign(entry))
}

/** For other machines than this one: npm leaves it out. */
function foreign({ optional, os, cpu }) {
  return optional === true && ((os !== undefined && !os.includes(process.platform)) || (cpu !== undefined && !cpu.includes(process.arch)))
}

/** Whether this Node is one that SpiceDB's package wants; peers/spicedb.ts asks the same. */
function spiceRuns() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 24 || (major === 24 && minor >= 18)
}

const args = process.argv.slice(2)
if (!args.includes('--help') && !args.includes('-h')) {
  const places = [folder, ...(spiceRuns() ? [join(folder, 'spicedb')] : [])]
  for (const place of places) if (!installed(place)) run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], place)
  run(process.execPath, [join(root, 'scripts/build.mjs'), '--if-needed'], root)
}
/*
 * Node 20 dies of "unreachable code" (Deoptimizer) when a call into WebAssembly that was inlined has to be undone: seen with Cedar among others after
 * some seconds, and not without the inlining. Only where V8 knows the flag; it would refuse to start elsewhere.
 */
const NO_WASM_INLINING = '--no-turbo-inline-js-wasm-calls'
const known = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout.includes('--turbo-inline-js-wasm-calls')
const flags = ['--no-warnings=ExperimentalWarning', ...(known ? [NO_WASM_INLINING] : [])]
const loader = pathToFileURL(join(root, 'test/chaos/typescript.mjs')).href
const bench = spawn(process.execPath, [...flags, '--import', loader, join(folder, 'run.ts'), ...args], { cwd: root, stdio: 'inherit' })
// It stops what it started before it ends; whoever waits for it waits here. Ctrl-C reaches it by itself.
process.on('SIGINT', () => undefined)
for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => bench.kill(name))
bench.once('close', (code) => {
  process.exitCode = code ?? 1
})
