/** `npm run example`: builds what is not built, and runs the office beside a service of its own (castellan run). */
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const folder = dirname(fileURLToPath(import.meta.url))
const root = dirname(folder)
const { help, port } = readOptions(process.argv.slice(2))

if (help) {
  process.stdout.write(`npm run example -- [--port <n>]

Starts a service with sample people and the office (examples/office) beside it, and says where they are. Nothing of it stays when it ends.

  --port <n>   of the office (default 3000); the service takes free ones
`)
  process.exit(0)
}

const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-needed'], { cwd: root, stdio: 'inherit' })
if (built.status !== 0) process.exit(built.status ?? 1)

const office = [
  process.execPath,
  '--no-warnings=ExperimentalWarning',
  // Newer versions of Node run TypeScript as it is; 20 needs this.
  '--import',
  pathToFileURL(join(root, 'test/chaos/typescript.mjs')).href,
  join(folder, 'office/start.ts'),
  ...['--port', port],
]
const run = [join(root, 'dist/src/main/cli.js'), 'run', '--policies', join(root, 'policies'), '--', ...office]
const child = spawn(process.execPath, run, { cwd: root, stdio: 'inherit' })
// A terminal sends Ctrl-C to all of us; whatever else comes, and a second one, comes to this process alone.
let interrupted = false
process.on('SIGINT', () => {
  if (interrupted || !process.stdin.isTTY) child.kill('SIGINT')
  interrupted = true
})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => void child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))

/** Before anything starts: a slip is told at once. */
function readOptions(args) {
  try {
    const { values } = parseArgs({ args, options: { port: { type: 'string', default: '3000' }, help: { type: 'boolean', short: 'h' } } })
    if (/^\d{1,5}$/.test(values.port) && Number(values.port) >= 1 && Number(values.port) <= 65_535) return values
    throw new Error(`--port takes a number from 1 to 65535, not ${JSON.stringify(values.port)}`)
  } catch ({ message }) {
    process.stderr.write(`${message.split('\n')[0]}\nTry: npm run example -- --help\n`)
    process.exit(2)
  }
}
