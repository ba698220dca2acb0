/** Builds dist/: the compiled sources, the descriptor set for gRPC reflection, the files of the pages. `--if-needed` skips when nothing changed. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'dist', '.build-stamp')
const require = createRequire(import.meta.url)

/** A hash over everything the build reads. */
function fingerprint() {
  const hash = createHash('sha256')
  for (const folder of ['src', 'migrations', 'proto', 'scripts']) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    for (const file of files.map((entry) => join(entry.parentPath, entry.name)).sort())
      hash.update(file.slice(root.length)).update(readFileSync(file))
  }
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.types.json'])
    hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/** Runs a tool of our dev dependencies by its own entry file, so that no shell or PATH is needed. */
function run(entry, args) {
  execFileSync(process.execPath, [require.resolve(entry), ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
}

const wanted = fingerprint()
if (process.argv.includes('--if-needed') && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) process.exit(0)

// Beside dist/ and then in its place: a module that was removed does not live on in it, and a build that fails takes nothing away.
const next = join(root, 'dist.next')
rmSync(next, { recursive: true, force: true })
run(join(root, 'node_modules/typescript/bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', next])
// What applications import of us has types; the rest is nobody's to import.
run(join(root, 'node_modules/typescript/bin/tsc'), ['-p', 'tsconfig.types.json', '--outDir', next])
run(join(root, 'node_modules/@bufbuild/buf/bin/buf'), ['build', '-o', join(next, 'castellan.binpb')])

// The licence and the notice travel with what they are about.
const pageFiles = ['swagger-ui-bundle.js', 'swagger-ui.css', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE']
mkdirSync(join(next, 'api-page'), { recursive: true })
for (const name of pageFiles) copyFileSync(require.resolve(`swagger-ui-dist/${name}`), join(next, 'api-page', name))

// Style and scripts of the login pages go to browsers as they are.
const assets = 'src/identity/pages/assets'
mkdirSync(join(next, assets), { recursive: true })
for (const name of readdirSync(join(root, assets))) copyFileSync(join(root, assets, name), join(next, assets, name))

// What a new embedded database begins from: migrated by this build's migrations, and made once for each set of them.
const built = (path) => import(pathToFileURL(join(next, 'src/store', path)).href)
const { hashOfMigrations, IMAGE_FILE, IMAGE_STAMP_FILE, pgliteVersion } = await built('prepared-database.js')
const folders = [join(root, 'migrations'), join(next, 'migrations')]
const image = JSON.stringify({ pglite: await pgliteVersion(), migrations: await Promise.all(folders.map(hashOfMigrations)) })
const [before, beforeStamp] = [join(root, 'dist', IMAGE_FILE), join(root, 'dist', IMAGE_STAMP_FILE)]
if (existsSync(beforeStamp) && readFileSync(beforeStamp, 'utf8') === image) copyFileSync(before, join(next, IMAGE_FILE))
else {
  const { makePreparedDatabase } = await built('make-prepared-database.js')
  const dataDirectory = join(next, 'prepared-database')
  writeFileSync(join(next, IMAGE_FILE), await makePreparedDatabase(dataDirectory))
  rmSync(dataDirectory, { recursive: true, force: true })
}
writeFileSync(join(next, IMAGE_STAMP_FILE), image)

const command = join(next, 'src/main/cli.js')
if (existsSync(command)) chmodSync(command, 0o755)
writeFileSync(join(next, '.build-stamp'), wanted)
rmSync(join(root, 'dist'), { recursive: true, force: true })
renameSync(next, join(root, 'dist'))
