/** `npm run example`: builds what is not built, and runs the office beside a service of its own (castellan run). */
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const root = dirname(folder)
const args = process.argv.slice(2)

if (args.includes('--help') || args.includes('-h')) {
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
  ...args,
]
const run = [join(root, 'dist/src/main/cli.js'), 'run', '--policies', join(root, 'policies'), '--', ...office]
const child = spawn(process.execPath, run, { cwd: root, stdio: 'inherit' })
// A terminal sends them to all of us; whoever else does, to this process alone.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void (process.stdin.isTTY || child.kill(signal)))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
