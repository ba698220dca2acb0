/** Facts for a throw-away service: each fault is named where it stands. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { readFacts } from '../../src/main/facts-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'castellan-facts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const NOW_MS = Date.parse('2027-03-01T08:00:00Z')

async function read(facts: unknown) {
  const file = join(folder, 'facts.json')
  writeFileSync(file, typeof facts === 'string' ? facts : JSON.stringify(facts))
  return await readFacts(file, NOW_MS)
}

describe('readFacts', () => {
  it('reads tenants, users and grants, with moments as instants or durations from now', async () => {
    const facts = await read({
      tenants: [{ tenant: 'acme', suspended: true }],
      users: [{ user: 'ann', attributes: { facilities: ['north'] } }],
      grants: [{ user: 'ann', tenant: 'acme', role: 'cover', from: '2027-03-01T08:00:00Z', until: 'PT2H' }],
    })
    expect(facts.tenants).toEqual([{ input: { tenant: 'acme' }, suspended: true }])
    expect(facts.users).toEqual([{ input: { user: 'ann', attributes: { facilities: ['north'] } }, deactivated: false }])
    expect(facts.grants).toEqual([{ user: 'ann', tenant: 'acme', role: 'cover', validFromMs: NOW_MS, expiresAtMs: NOW_MS + 7_200_000 }])
    expect(await read({})).toEqual({ tenants: [], users: [], grants: [] })
  })

  it.each([
    ['{', 'the file is not JSON'],
    ['[]', 'the file must be an object'],
    [{ grant: [] }, 'grant is not a field of this request; did you mean "grants"?'],
    [{ users: {} }, 'users must be a list'],
    [{ users: [{ user: 'ann', deactivated: 'yes' }] }, 'users[0].deactivated must be true or false'],
    [{ users: [{}, { user: '' }] }, 'users[0].user is required'],
    [{ grants: [{ user: 'ann', tenant: 'acme' }] }, 'grants[0].role is required'],
    [{ grants: [{ user: 'ann', tenant: 'acme', role: 'cover', till: 'PT2H' }] }, 'grants[0].till'],
    [{ grants: [{ user: 'ann', tenant: 'acme', role: 'cover', until: 'tomorrow' }] }, 'grants[0].until must be an instant'],
  ])('refuses %j and says where', async (facts, words) => {
    await expect(read(facts)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(words) })
  })

  it('says that a file cannot be read', async () => {
    await expect(readFacts(join(folder, 'none.json'), NOW_MS)).rejects.toThrow(/none\.json/)
  })
})
