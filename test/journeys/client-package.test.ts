/** The client alone, as npm delivers it; and what each of its entries loads into an application. Needs dist/. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openWires, type Wires } from '../decision/transport/wires.ts'
import { cleanEnvironment } from '../support/castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const environment = cleanEnvironment()
let folder: string
let manifest: { readonly name: string; readonly exports: object; readonly dependencies: Readonly<Record<string, string>> }
let wires: Wires
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-client-package-'))
  const run = (command: string, ...args: readonly string[]) =>
    execFileSync(command, args, { cwd: folder, env: environment, encoding: 'utf8', stdio: 'pipe' })
  run(process.execPath, join(root, 'scripts/client-package.mjs'), join(folder, 'made'))
  manifest = JSON.parse(readFileSync(join(folder, 'made/package.json'), 'utf8'))
  run('npm', 'pack', './made', '--ignore-scripts')
  mkdirSync(join(folder, 'application'))
  writeFileSync(join(folder, 'application/package.json'), '{ "type": "module", "private": true }\n')
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  run('npm', 'install', '--prefix', 'application', `./${archive}`, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline')
  wires = await openWires()
})
afterAll(async () => {
  await wires?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a program in the application, with the packages that it loads. Waits for it: the service that it asks is in this process. */
async function run(
  program: string,
  added: Readonly<Record<string, string>> = {},
): Promise<{ readonly out: string; readonly packages: readonly string[] }> {
  const modules = join(folder, 'modules')
  writeFileSync(modules, '')
  const args = ['--import', new URL('loaded-packages.mjs', import.meta.url).href, '--input-type=module', '-e', program]
  const env = { ...environment, ...added, MODULES_FILE: modules }
  const { stdout: out } = await promisify(execFile)(process.execPath, args, { cwd: join(folder, 'application'), env })
  const loaded = [...readFileSync(modules, 'utf8').matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/g)].map(([, name = '']) => name)
  return { out, packages: [...new Set(loaded)].filter((name) => name !== 'castellan-client').sort() }
}

const ANN = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }

describe('castellan-client', () => {
  it('names only packages that applications need, and holds nothing of the service', () => {
    expect(Object.keys(manifest.dependencies)).toEqual([
      ...['@casl/ability', '@grpc/grpc-js', '@grpc/proto-loader', 'jose', 'lru-cache', 'yaml', 'zod'],
    ])
    const installed = join(folder, 'application/node_modules/castellan-client')
    const modules = (path: string) =>
      readdirSync(join(installed, path), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(js|proto)$/.test(name))
        .sort()
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'package.json', 'proto', 'src'])
    expect(readdirSync(join(installed, 'src')).sort()).toEqual([
      ...['access', 'client', 'decision', 'ground', 'model', 'policy', 'token', 'wire'],
    ])
    // The rules of deciding and of freshness, and of the wires the bounds of attributes alone.
    expect(modules('src/access')).toEqual([
      ...['abortable.js', 'constraints.js', 'fresh-reader.js', 'grant-rules.js', 'knowledge.js', 'last-changes.js', 'min-position.js'],
      ...['moment.js', 'resolve.js'],
    ])
    expect(modules('src/decision')).toEqual([
      ...['attributes.js', 'decide.js', 'list.js', 'standing.js', 'suggest.js', 'translate/struct.js'],
    ])
    expect(modules('src/wire')).toEqual(['attributes.js'])
    expect(modules('src/token')).toEqual(['access-token.js', 'claims.js', 'verify.js'])
    expect(modules('proto')).toEqual([
      ...['castellan/v1/access_service.proto', 'castellan/v1/decision_service.proto'],
      ...['google/rpc/error_details.proto', 'google/rpc/status.proto'],
    ])
    const others = readdirSync(join(folder, 'application/node_modules'))
    for (const name of ['express', 'knex', 'pg', 'redis', '@electric-sql', '@nestjs']) expect(others).not.toContain(name)
  })

  it.each([
    ['http', []],
    ['express', []],
    ['fastify', []],
    ['token', ['jose', 'lru-cache']],
  ])('loads for %s only what it says', async (entry, packages) => {
    expect((await run(`await import('castellan-client/${entry}')`)).packages).toEqual(packages)
  })

  it('asks the service over gRPC, without loading the engine or what reads policies', async () => {
    const { out, packages } = await run(
      `import { createClient } from 'castellan-client'
      const client = createClient({ target: process.env.TARGET, credentials: { key: process.env.KEY }, deadlineMs: 30_000 })
      console.log((await client.check(${JSON.stringify(ANN)})).reason)
      await client.close()`,
      { TARGET: `127.0.0.1:${wires.grpc.port}`, KEY: wires.keys.decide },
    )
    expect(out).toBe('ROLE\n')
    expect(packages).toEqual(expect.arrayContaining(['@grpc/grpc-js', '@grpc/proto-loader']))
    for (const name of ['zod', 'yaml', '@casl/ability', 'lru-cache', 'jose']) expect(packages).not.toContain(name)
  })

  it('asks the service over HTTP without any package, and decides from policy files in a test', async () => {
    const asked = await run(
      `import { createHttpClient } from 'castellan-client/http'
      const client = createHttpClient({ url: process.env.URL_OF_IT, credentials: { key: process.env.KEY }, deadlineMs: 30_000 })
      console.log((await client.check(${JSON.stringify(ANN)})).reason)
      await client.close()`,
      { URL_OF_IT: `http://127.0.0.1:${wires.http.port}`, KEY: wires.keys.decide },
    )
    expect(asked).toEqual({ out: 'ROLE\n', packages: [] })
    const local = await run(
      `import { createLocal } from 'castellan-client/testing'
      const local = await createLocal({ policies: process.env.POLICIES })
      local.grant({ user: 'ann', tenant: 'acme', role: 'salesperson' })
      console.log((await local.check({ user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })).reason)`,
      { POLICIES: join(root, 'policies') },
    )
    expect(local.out).toBe('ROLE\n')
  })
})
