/** The table of codes holds every name there is or was, and suggestions fit beside it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { runCommand } from '../support/command-line.ts'

const policies = join(packageRoot(), 'policies')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-codes-'))
  await writeFile(
    join(folder, 'pay.yaml'),
    `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: o@example.org }
permissions:
  pay.a: { code: p.a, title: "A | [x](javascript:y) <b> \`c\`" }
  pay.b: { code: p.b, title: B, risk: high, stage: disabled, attributes: { by: string }, deprecated: { since: 2026-01-01, replacedBy: pay.a } }
reserved: [{ name: pay.c, code: p.c, removed: 2026-02-01 }]
`,
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('policy codes', () => {
  it('lists every permission and every tombstone by name', async () => {
    const { code, out } = await runCommand(['policy', 'codes', folder])
    expect(code).toBe(0)
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 2).join(' '))).toEqual([
      'CODE NAME',
      'p.a pay.a',
      'p.b pay.b',
      'p.c pay.c',
      '',
    ])
    expect(out).toMatch(/p\.b .* high +disabled +by: string +since 2026-01-01, replaced by pay\.a\n/)
    expect(out).toMatch(/p\.c +pay\.c +reserved: removed 2026-02-01\n/)
  })

  it('as Markdown is a table that no title can leave', async () => {
    const { out } = await runCommand(['policy', 'codes', folder, '--markdown'])
    expect(out.split('\n').slice(0, 3)).toEqual([
      '| code | name | title | service | owner | risk | stage | attributes | deprecated |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      '| `p.a` | `pay.a` | `` A \\| [x](javascript:y) <b> `c` `` | `pay` | `o@example.org` | `normal` | `active` |  |  |',
    ])
  })

  it('as Markdown turns no title into a link, a mention or text that reads backwards', async () => {
    const hostile = await mkdtemp(join(tmpdir(), 'castellan-codes-'))
    await writeFile(
      join(hostile, 'pay.yaml'),
      `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: "@everyone" }
permissions:
  pay.a: { code: p.a, title: "https://evil.example www.evil.example @all \\u202Egpj \\u2028 \\u200B" }
`,
    )
    const { out } = await runCommand(['policy', 'codes', hostile, '--markdown'])
    await rm(hostile, { recursive: true })
    const cells = (out.split('\n')[2] ?? '').slice(2, -2).split(' | ')
    for (const cell of cells) expect(cell).toMatch(/^(|`[^`]*`)$/)
    expect(cells[2]).toBe('`https://evil.example www.evil.example @all \\u202egpj \\u2028 \\u200b`')
  })

  it('as JSON marks what is reserved', async () => {
    const { out } = await runCommand(['policy', 'codes', folder, '-o', 'json'])
    const { codes } = JSON.parse(out) as { readonly codes: readonly { readonly name: string; readonly reserved: boolean }[] }
    expect(codes.map(({ name, reserved }) => [name, reserved])).toEqual([
      ['pay.a', false],
      ['pay.b', false],
      ['pay.c', true],
    ])
  })
})

describe('policy codes suggest', () => {
  const suggest = (directory: string, ...names: readonly string[]) =>
    runCommand(['policy', 'codes', 'suggest', ...names, '--policies', directory])

  it('proposes what collides with nothing in the folder, tombstones neither', async () => {
    expect(await suggest(policies, 'sales.quote.sign', 'sales.quote.pause', 'coding.medical-stay.read')).toEqual({
      code: 0,
      out: 's.q.si  sales.quote.sign\ns.q.pa  sales.quote.pause\nc.ms.r  coding.medical-stay.read  has it already\n',
      err: '',
    })
  })

  it('answers JSON when asked', async () => {
    const { out } = await runCommand(['policy', 'codes', 'suggest', 'sales.quote.sign', '--policies', policies, '-o', 'json'])
    expect(JSON.parse(out)).toEqual({ codes: [{ name: 'sales.quote.sign', code: 's.q.si', known: false }] })
  })

  it('works while the catalogue is not whole yet', async () => {
    const half = await mkdtemp(join(folder, 'half-'))
    await writeFile(
      join(half, 'pay.yaml'),
      'apiVersion: castellan/v1\nkind: PermissionCatalogue\npermissions:\n  pay.read: { code: p.r }\n  pay.run: { title: Run }\n',
    )
    expect((await suggest(half, 'pay.run')).out).toBe('p.ru  pay.run\n')
  })

  it('refuses what is no name, and a name that was removed', async () => {
    expect(await suggest(policies, 'Quote')).toMatchObject({ code: 2, err: expect.stringContaining('"Quote" is no permission name.') })
    expect(await suggest(policies, 'sales.quote.print')).toMatchObject({ code: 2, err: expect.stringContaining('was removed once') })
  })
})
