/**
 * Makes dist-client/: the package `castellan-client`, which holds what the entries `castellan/client*` reach and nothing of the service.
 * Needs dist/. `node scripts/client-package.mjs [folder]`, then `npm pack` or `npm publish` there.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = resolve(process.argv[2] ?? join(root, 'dist-client'))
const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.entries(ours.exports).filter(([name]) => name.startsWith('./client'))

/** Of `import … from`, `export … from`, `import '…'` and `import('…')`, in modules and in their types. */
const IMPORTED = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])([\w@./:-]+)\1/g

/** Names of .proto files, as modules load them and as they name each other. */
const PROTO = /(['"])([\w/]+\.proto)\1/g

const files = new Set()
const packages = new Set()
const protos = new Set()
/** What is missing there comes with the library: google/protobuf. */
function followProtos(text) {
  for (const [, , name] of text.matchAll(PROTO)) {
    const file = join(root, 'proto', name)
    if (protos.has(name) || !existsSync(file)) continue
    protos.add(name)
    followProtos(readFileSync(file, 'utf8'))
  }
}

function follow(file) {
  if (files.has(file)) return
  if (!existsSync(file)) throw new Error(`${relative(root, file)} is missing: run \`npm run build\` first`)
  files.add(file)
  // A comment may show how something is imported.
  const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
  followProtos(code)
  for (const [, , name] of code.matchAll(IMPORTED)) {
    if (name.startsWith('.')) follow(typesOf(file, resolve(dirname(file), name)))
    else if (!isBuiltin(name))
      packages.add(
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      )
  }
}

/** Types refer to types, by the name of the module. */
function typesOf(from, file) {
  return from.endsWith('.d.ts') ? file.replace(/\.(ts|js)$/, '.d.ts').replace(/\.d\.d\.ts$/, '.d.ts') : file
}

for (const [, { types, default: module }] of entries) {
  follow(join(root, module))
  follow(join(root, types))
}

const versionsOf = (names, from) =>
  Object.fromEntries([...names].sort().flatMap((name) => (from?.[name] === undefined ? [] : [[name, from[name]]])))
const dependencies = versionsOf(packages, ours.dependencies)
const peerDependencies = versionsOf(packages, ours.peerDependencies)
const unlisted = [...packages].filter((name) => dependencies[name] === undefined && peerDependencies[name] === undefined)
if (unlisted.length > 0) throw new Error(`no dependency of ours, and reached by the client: ${unlisted.join(', ')}`)

const inPackage = (path) => `./${path.replace('./dist/', '')}`
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
for (const file of files) {
  const copy = join(target, relative(join(root, 'dist'), file))
  mkdirSync(dirname(copy), { recursive: true })
  // Source maps stay behind, with our sources in them.
  writeFileSync(copy, readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, ''))
}
for (const name of protos) {
  const copy = join(target, 'proto', name)
  mkdirSync(dirname(copy), { recursive: true })
  copyFileSync(join(root, 'proto', name), copy)
}
copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
copyFileSync(join(root, 'docs/client.md'), join(target, 'README.md'))
const { version, license, type, engines, peerDependenciesMeta } = ours
const manifest = {
  name: 'castellan-client',
  version,
  description:
    'Client of Castellan, the authorization decision service: checks, guards for Express, Fastify, NestJS and gRPC, local checks, testing kit.',
  license,
  type,
  engines,
  exports: {
    ...Object.fromEntries(
      entries.map(([name, paths]) => [
        name === './client' ? '.' : name.replace('./client/', './'),
        { types: inPackage(paths.types), default: inPackage(paths.default) },
      ]),
    ),
    './package.json': './package.json',
  },
  dependencies,
  peerDependencies,
  peerDependenciesMeta: versionsOf(packages, peerDependenciesMeta),
}
writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
process.stdout.write(`${relative(process.cwd(), target) || '.'}: files ${files.size}, dependencies ${Object.keys(dependencies).length}\n`)
