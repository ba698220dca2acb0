/** Generated names compile, hold a caller to the names there are, and are noticed when they are out of date. */
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { typescriptOf } from '../../src/policy/typescript.ts'
import { runCommand } from '../support/command-line.ts'

const policies = join(packageRoot(), 'policies')
let folder: string
let out: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-codegen-'))
  out = join(folder, 'generated', 'permissions.ts')
  await cp(policies, join(folder, 'policies'), { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What the compiler says of a file beside the generated one; empty when it compiles. */
async function compile(text: string): Promise<string> {
  const file = join(folder, 'generated', 'caller.ts')
  await writeFile(file, text)
  const args = ['--noEmit', '--ignoreConfig', '--strict', '--module', 'nodenext', '--allowImportingTsExtensions', '--types', '', file]
  try {
    return execFileSync(process.execPath, [join(packageRoot(), 'node_modules/typescript/bin/tsc'), ...args], { encoding: 'utf8' })
  } catch (fault) {
    return String((fault as { readonly stdout?: unknown }).stdout)
  }
}

describe('codegen', () => {
  it('writes TypeScript that compiles and knows right names from wrong ones', async () => {
    expect(await runCommand(['codegen', join(folder, 'policies'), '--out', out])).toMatchObject({ code: 0, out: '' })
    const head = "import { PERMISSION_CODES, PERMISSIONS, type Permission, type Role } from './permissions.ts'\n"
    const good = "const a: Permission = 'sales.quote.send'\nconst b: 's.q.s' = PERMISSION_CODES[a]\nconst c: Role = 'salesperson'\n"
    expect(await compile(`${head}${good}void [PERMISSIONS, b, c]\n`)).toBe('')
    expect(
      await compile(`${head}const a: Permission = 'sales.quote.sent'\nvoid [a, PERMISSIONS, PERMISSION_CODES]\nexport type { Role }\n`),
    ).toContain(`Type '"sales.quote.sent"' is not assignable`)
  })

  it('names each permission with its title, and marks what is deprecated', async () => {
    const { out: text } = await runCommand(['codegen', policies])
    expect(text).toContain("  /** Send a quote to a customer */\n  | 'sales.quote.send'\n")
    expect(text).toContain(
      "  /**\n   * Export quotes as a file\n   * @deprecated since 2026-09-01, to be removed after 2027-03-01, replaced by sales.report.download\n   */\n  | 'sales.quote.export'\n",
    )
    expect(text).toMatch(/^\/\*\*\n.*\n \* From policy revision [0-9a-f]{64}\n/)
  })

  it('writes the same every time', async () => {
    expect((await runCommand(['codegen', policies])).out).toBe((await runCommand(['codegen', policies])).out)
  })

  it('lets no title end its comment', () => {
    const text = `{ apiVersion: castellan/v1, kind: PermissionCatalogue, metadata: { service: s, owner: o }, permissions: { a.b: { code: a.c, title: "x */ export const y = 1\\n\\u2028// /*" } } }`
    const { bundle } = parsePolicy([{ name: 'a.yaml', text }])
    if (bundle === undefined) throw new Error('broken')
    expect(typescriptOf(bundle)).toContain("  /** x *\\/ export const y = 1 // /* */\n  | 'a.b'\n")
  })

  it('takes no word of a title for a tag, a link or a turn of the text', () => {
    const text = `{ apiVersion: castellan/v1, kind: PermissionCatalogue, metadata: { service: s, owner: o }, permissions: { a.b: { code: a.c, title: "@deprecated {@link https://evil.example} \\u202E x" } } }`
    const { bundle } = parsePolicy([{ name: 'a.yaml', text }])
    if (bundle === undefined) throw new Error('broken')
    expect(typescriptOf(bundle)).toContain("  /** \\@deprecated {\\@link https://evil.example}   x */\n  | 'a.b'\n")
  })

  it.each([
    ['a folder', () => folder, 'EISDIR'],
    ['below a file', () => join(folder, 'policies', 'office', 'roles.yaml', 'x', 'y.ts'), 'ENOTDIR'],
    ['where nobody can make a folder', () => '/proc/none/of/these.ts', 'ENOENT'],
  ])('says what is wrong with a place that cannot be written, and ends: %s', async (_, place, code) => {
    const wrong = await runCommand(['codegen', policies, '--out', place()])
    expect(wrong).toMatchObject({ code: 1, out: '' })
    expect(wrong.err).toMatch(new RegExp(`^castellan: --out: .* cannot be written: ${code}\n.*[Nn]ame a file`))
    // Read, it is no less wrong, and never a raw fault of the system.
    const checked = await runCommand(['codegen', policies, '--out', place(), '--check'])
    expect(checked).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^castellan: (--out: .* cannot be read: |.* is not what the policy says now)/),
    })
  })

  it('--check ends with 0 while the file is up to date and with 1 when it is not, and writes nothing', async () => {
    const check = () => runCommand(['codegen', join(folder, 'policies'), '--out', out, '--check'])
    await runCommand(['codegen', join(folder, 'policies'), '--out', out])
    expect((await check()).code).toBe(0)
    const catalogue = join(folder, 'policies', 'office', 'catalogue.yaml')
    await writeFile(catalogue, (await readFile(catalogue, 'utf8')).replace('title: Read quotes', 'title: Look at quotes'))
    const before = await readFile(out, 'utf8')
    expect(await check()).toMatchObject({ code: 1, err: expect.stringContaining('is not what the policy says now') })
    expect(await readFile(out, 'utf8')).toBe(before)
    await rm(out)
    expect((await check()).code).toBe(1)
    expect((await runCommand(['codegen', policies, '--check'])).code).toBe(2)
  })
})
