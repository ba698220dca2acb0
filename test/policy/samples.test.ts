/** The sample policies are sound, and their schema for editors is what the sources generate. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { packageRoot } from '../../src/ground/package-root.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { parseSource } from '../../src/policy/parse.ts'
import { policySchemaJson } from '../../src/policy/schema.ts'
import { toPlain } from '../../src/policy/source.ts'

const policies = join(packageRoot(), 'policies')

describe('the sample policies', () => {
  it('are one bundle without a fault or warning', async () => {
    const { bundle, tests, faults } = await loadPolicy(policies)
    expect(faults.map(formatFault)).toEqual([])
    expect(bundle?.permissions.length).toBeGreaterThanOrEqual(24)
    expect(tests.map((test) => test.name).sort()).toEqual(['hospital', 'office'])
  })

  it('give each sample at least twelve permissions', async () => {
    const { bundle } = await loadPolicy(policies)
    const services = (names: string[]) => bundle?.permissions.filter((permission) => names.includes(permission.service)).length
    expect(services(['sales', 'finance', 'agents'])).toBeGreaterThanOrEqual(12)
    expect(services(['coding'])).toBeGreaterThanOrEqual(12)
  })

  it('limit roles only in tenants whose name the constraint matches', async () => {
    const { bundle } = await loadPolicy(policies)
    if (bundle === undefined) throw new Error('the samples are broken')
    const policy = compilePolicy(bundle)
    const ids = (tenant: string) => policy.constraintsFor(tenant).map((constraint) => constraint.id)
    expect(ids('hospital-north')).toContain('hospital-two-roles')
    expect(ids('acme')).not.toContain('hospital-two-roles')
  })

  it('name their schema in every file, so that an editor checks them', async () => {
    for (const folder of ['office', 'hospital'])
      for (const name of await readdir(join(policies, folder)))
        expect((await readFile(join(policies, folder, name), 'utf8')).startsWith('# yaml-language-server: $schema=../schema.json\n')).toBe(
          true,
        )
  })
})

it('schema.json is what the sources generate: run `npm run generate` when this fails', async () => {
  expect(await readFile(join(policies, 'schema.json'), 'utf8')).toBe(policySchemaJson())
})

describe('the schema for editors', () => {
  const schema = z.fromJSONSchema(JSON.parse(policySchemaJson()))
  const documents = async (folder: string, names: readonly string[]) =>
    (
      await Promise.all(names.map(async (name) => parseSource(name, await readFile(join(packageRoot(), folder, name), 'utf8')).documents))
    ).flat()

  it('takes every document of the samples', async () => {
    for (const folder of ['office', 'hospital'])
      for (const root of await documents(
        'policies',
        (await readdir(join(policies, folder))).map((name) => `${folder}/${name}`),
      ))
        expect([root.at, schema.safeParse(toPlain(root)).success]).toEqual([root.at, true])
  })

  it('refuses an unknown key, a wildcard and an unknown operator', () => {
    const role = (grant: unknown) => ({
      apiVersion: 'castellan/v1',
      kind: 'RoleBundle',
      metadata: { name: 'n', owner: 'o' },
      roles: { r: { title: 'R', permissions: [grant] } },
    })
    expect(schema.safeParse(role('a.read')).success).toBe(true)
    expect(schema.safeParse(role({ permission: 'a.read', when: { by: { $var: 'user.id' } } })).success).toBe(true)
    expect(schema.safeParse(role('a.*')).success).toBe(false)
    expect(schema.safeParse(role({ permission: 'a.read', wenn: {} })).success).toBe(false)
    expect(schema.safeParse(role({ permission: 'a.read', when: { by: { $regex: 'x' } } })).success).toBe(false)
    expect(schema.safeParse(role({ permission: 'a.read', when: { by: { $eq: { $var: 'resource.id' } } } })).success).toBe(false)
  })
})
