/** `castellan policy diff` shows what differs, in words, for people, programs and pull requests. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { runCommand } from '../support/command-line.ts'

const BEFORE = `
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: o@example.org }
permissions:
  pay.a: { code: p.a, title: A }
  pay.b: { code: p.b, title: B, attributes: { amount: number, by: string } }
  pay.c: { code: p.c, title: C }
  pay.old: { code: p.o, title: Old }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: pay, owner: o@example.org }
sets: { desk: [pay.a, pay.c] }
roles:
  clerk: { title: Clerk, include: [desk], permissions: [{ permission: pay.b, when: { amount: { $lte: 10 } }, reason: small }] }
  guest: { title: Guest, permissions: [pay.a] }
---
apiVersion: castellan/v1
kind: Constraints
metadata: { name: pay, owner: o@example.org }
constraints:
  - { id: one, type: max-roles-per-tenant, max: 1, enforce: reject }
`
const AFTER = `
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: o@example.org }
permissions:
  pay.a: { code: p.a, title: "A \`\`\`\`", risk: high }
  pay.b: { code: p.b, title: B, attributes: { amount: number, by: string } }
  pay.c: { code: p.c, title: C }
  pay.new: { code: p.o, title: Old }
reserved: [{ name: pay.x, code: p.x, removed: 2026-01-01 }]
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: pay, owner: o@example.org }
sets: { desk: [pay.a] }
roles:
  clerk: { title: Clerk, include: [desk], permissions: [pay.new, { permission: pay.b, when: { by: { $exists: true, $ne: { $var: user.id } } }, reason: four eyes }] }
  cover: { title: Cover, assignable: temporary, maxGrant: PT12H, permissions: [pay.c] }
---
apiVersion: castellan/v1
kind: Constraints
metadata: { name: pay, owner: o@example.org }
constraints:
  - { id: one, type: max-roles-per-tenant, max: 2, enforce: reject }
`

const LINES = `roles
!  role clerk
!    pay.b: when amount at most 10 → when by is given and is not the user's id (user.id)
-    pay.c
+    pay.new
+  role cover: Cover (pay, o@example.org), for a time only, at most 12 hours
+    pay.c
-  role guest: Guest (pay, o@example.org)
-    pay.a
permissions
!  pay.a [p.a]
!    title: A → A \`\`\`\`
!    risk: normal → high
!  renamed pay.old [p.o] → pay.new [p.o]
constraints
-  one: nobody holds more than 1 role in one tenant at one time
+  one: nobody holds more than 2 roles in one tenant at one time
reserved
+  pay.x [p.x], removed 2026-01-01
`
const SUMMARY =
  '1 role added, 1 role removed, 1 role changed, 1 grant gained, 1 grant lost, 1 permission renamed, 1 permission changed, 1 constraint changed, 1 tombstone changed'

let folder: string
let before: string
let after: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-diff-'))
  const write = async (text: string) => {
    const directory = await mkdtemp(join(folder, 'side-'))
    await writeFile(join(directory, 'pay.yaml'), text)
    return directory
  }
  before = await write(BEFORE)
  after = await write(AFTER)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('policy diff', () => {
  it('says what each role gains and loses, conditions and constraints in words, codes that stand for another name', async () => {
    const { code, out } = await runCommand(['policy', 'diff', before, after])
    expect(code).toBe(0)
    expect(out.split('\n').slice(2).join('\n')).toBe(`${LINES}${SUMMARY}\n`)
    expect(out.split('\n')[0]).toMatch(/^from {2}.* {2}revision [0-9a-f]{12}$/)
  })

  it('for a pull request is a block that no title of a permission can end', async () => {
    const { code, out } = await runCommand(['policy', 'diff', before, after, '--markdown'])
    expect(code).toBe(0)
    expect(out).toBe(`### Policy: ${SUMMARY}\n\n\`${before}\` → \`${after}\`\n\n\`\`\`\`\`diff\n${LINES}\`\`\`\`\`\n`)
  })

  it('for a program is JSON', async () => {
    const { out } = await runCommand(['policy', 'diff', before, after, '-o', 'json'])
    expect(JSON.parse(out)).toMatchObject({
      from: { label: before },
      to: { label: after },
      equal: false,
      diff: { permissions: { renamed: [{ before: { name: 'pay.old', code: 'p.o' }, after: { name: 'pay.new', code: 'p.o' } }] } },
    })
  })

  it('ends with 0, and with 1 when asked to and they differ', async () => {
    expect((await runCommand(['policy', 'diff', before, after])).code).toBe(0)
    expect(await runCommand(['policy', 'diff', before, after, '--exit-code'])).toMatchObject({ code: 1, err: '' })
    expect((await runCommand(['policy', 'diff', before, before, '--exit-code'])).code).toBe(0)
  })

  it('of equal policies says so', async () => {
    expect((await runCommand(['policy', 'diff', before, before])).out).toContain('they mean the same\n')
    expect((await runCommand(['policy', 'diff', before, before, '--markdown'])).out).toContain('### Policy: no change\n')
  })

  it('of faulty files tells every fault of them and ends with 3', async () => {
    const broken = await mkdtemp(join(folder, 'broken-'))
    await writeFile(join(broken, 'pay.yaml'), BEFORE.replace('code: p.a', 'code: P').replace('code: p.b', 'code: Q'))
    const { code, out, err } = await runCommand(['policy', 'diff', before, broken])
    expect([code, out]).toEqual([3, ''])
    expect(err).toMatch(
      /pay.yaml:6:18 error invalid-code .*\n.*pay.yaml:7:18 error invalid-code .*\n.*Policy files refused in .*, errors: 2\./,
    )
  })

  it('for a pull request is cut where a comment would be refused', async () => {
    const many = await mkdtemp(join(folder, 'many-'))
    const permissions = Array.from(
      { length: 2_000 },
      (_, index) => `  pay.b${index}: { code: p.b${index}, title: Permission ${index} of many }\n`,
    )
    await writeFile(join(many, 'pay.yaml'), BEFORE.replace('  pay.old', `${permissions.join('')}  pay.old`))
    const { out } = await runCommand(['policy', 'diff', before, many, '--markdown'])
    expect(out.length).toBeLessThan(61_000)
    expect(out).toMatch(/\n```\n\n… and \d+ lines more: castellan policy diff\n$/)
  })
})
