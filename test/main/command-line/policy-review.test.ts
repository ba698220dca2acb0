/** Files are compared with what a real service has in force, and with who holds what there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ADMIN_KEY, openWires, type Wires } from '../../decision/transport/wires.ts'
import { runCommand } from '../../support/command-line.ts'

const FILES = `
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: s, owner: team@example.org }
permissions:
  coding.medical-stay.read: { code: c.ms.r, title: Read }
  coding.medical-stay.validate: { code: c.ms.v, title: Validate }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: b, owner: team@example.org }
roles:
  coder: { title: Coder, permissions: [coding.medical-stay.read] }
  head: { title: Head, permissions: [coding.medical-stay.validate] }
`

let wires: Wires
let folder: string
const run = (...args: readonly string[]) => runCommand([...args, '--url', `http://127.0.0.1:${wires.http.port}`, '--key', ADMIN_KEY])
beforeAll(async () => {
  wires = await openWires()
  folder = await mkdtemp(join(tmpdir(), 'castellan-review-'))
  await writeFile(join(folder, 'policy.yaml'), FILES)
})
afterAll(async () => {
  await wires.close()
  await rm(folder, { recursive: true, force: true })
})

describe('with a service', () => {
  it('policy diff says what the files would change of what is in force', async () => {
    const { code, out, err } = await run('policy', 'diff', 'active', folder)
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^from {2}active {2}revision [0-9a-f]{12}\n/)
    expect(out).toContain('!  role coder\n')
    expect(out).toContain('-    coding.medical-stay.validate\n')
    expect(out).toContain('+  role head: Head (b, team@example.org)\n')
    expect(out).toMatch(/^- {2}role reader: /m)
  })

  it('policy diff takes a prefix of a revision, and says when nobody has it', async () => {
    const active = (await run('policy', 'diff', 'active', 'active', '-o', 'json')).out
    const { revision } = (JSON.parse(active) as { readonly from: { readonly revision: string } }).from
    expect(await run('policy', 'diff', revision.slice(0, 8), 'active', '--exit-code')).toMatchObject({ code: 0 })
    const unknown = revision.startsWith('0') ? '1'.repeat(64) : '0'.repeat(64)
    expect(await run('policy', 'diff', unknown, 'active')).toMatchObject({ code: 1, err: expect.stringContaining('not_found') })
  })

  it('policy lint --live finds roles of nobody, and holders of a role that the files do not have', async () => {
    const { code, out } = await run('policy', 'lint', folder, '--live')
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      'role reader assignment-of-unknown-role role "reader" is held, and no bundle has it — its holders may do nothing by it: revoke it from them, or give the role back',
      'policy.yaml:14:3 role-held-by-nobody nobody holds role "head", and nobody will — remove it, if it is not waiting for somebody',
      'findings: 2',
      '',
    ])
  })

  it('policy lint asks nobody unless it is told to', async () => {
    const { out } = await runCommand(['policy', 'lint', folder, '--url', 'http://127.0.0.1:1'])
    expect(out).toBe('findings: 0\n')
  })
})
