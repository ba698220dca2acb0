/** `castellan policy lint` tells what is untidy and fails only when asked to. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { runCommand } from '../support/command-line.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-lint-'))
  await cp(join(packageRoot(), 'policies', 'office'), folder, { recursive: true })
  const roles = await readFile(join(folder, 'roles.yaml'), 'utf8')
  await writeFile(join(folder, 'roles.yaml'), roles.replace('it@office.example', '"?"'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('policy lint', () => {
  it('tells each finding with its place, and what nobody may hold together, and ends with 0', async () => {
    const { code, out } = await runCommand(['policy', 'lint', folder])
    expect(code).toBe(0)
    expect(out).toMatch(/^roles\.yaml:12:3 owner-missing \d+ roles of bundle "office" have no owner but "\?" — /)
    expect(out.split('\n').slice(1)).toEqual([
      'what nobody may hold together',
      '  payout-four-eyes: nobody holds both finance.payout.create and finance.payout.approve in one tenant at one time',
      '    finance-approver + finance-clerk',
      '    finance-approver + finance-cover',
      'findings: 1',
      '',
    ])
  })

  it('ends with 3 for a finding when it is strict, and with 0 for none', async () => {
    expect(await runCommand(['policy', 'lint', folder, '--strict'])).toMatchObject({
      code: 3,
      err: 'castellan: Policy lint, findings: 1.\n',
    })
    expect(await runCommand(['policy', 'lint', join(packageRoot(), 'policies'), '--strict'])).toMatchObject({ code: 0, err: '' })
  })

  it('as JSON names code, kind, name and place of each finding', async () => {
    const { out } = await runCommand(['policy', 'lint', folder, '-o', 'json'])
    expect(JSON.parse(out)).toMatchObject({
      findings: [{ code: 'owner-missing', kind: 'bundle', name: 'office', bundle: 'office', at: { file: 'roles.yaml', line: 12, col: 3 } }],
      excluded: [{ constraint: { id: 'payout-four-eyes' }, complete: true }],
    })
  })

  it('judges days by the day it is', async () => {
    const overdue = async (day: string) =>
      (await runCommand(['policy', 'lint', folder], {}, Date.parse(day))).out.includes('removal-overdue')
    expect([await overdue('2027-03-01T23:59:59Z'), await overdue('2027-03-02T00:00:00Z')]).toEqual([false, true])
  })
})
