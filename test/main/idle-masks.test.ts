/** A mask that hides nothing is told, once for each policy that takes force. */
import { expect, it } from '@jest/globals'
import { parseMask } from '../../src/decision/log/mask.ts'
import { openLog } from '../../src/ground/log.ts'
import { warnOfIdleMasks } from '../../src/main/idle-masks.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyInForce } from '../../src/policy/in-force.ts'
import { bundleOf } from '../support/house.ts'

const plain = bundleOf({ reader: ['stay.read'], coder: ['stay.code'] })
const logging: PolicyBundle = {
  ...plain,
  permissions: plain.permissions.map((entry) => ({ ...entry, attributes: { amount: 'number' }, log: ['amount'] })),
}

async function told(mask: string, ...bundles: readonly PolicyBundle[]): Promise<readonly unknown[]> {
  const compiled = bundles.map((bundle) => compilePolicy(bundle))
  const contents = new Map(compiled.map(({ revision, bundle }) => [revision, canonicalJson(bundle)]))
  const policy = new PolicyInForce({ findRevision: async (revision) => contents.get(revision) })
  const lines: { level: string; paths: unknown; revision: unknown }[] = []
  const parsed = parseMask(mask)
  if (typeof parsed === 'string') throw new Error(parsed)
  const [first, ...later] = compiled
  // One is in force already; another listener hears of all of them too.
  await policy.adopt(first?.revision ?? '', 1)
  warnOfIdleMasks(parsed, policy, openLog('info', { write: (line) => void lines.push(JSON.parse(line)) }))
  const heard: string[] = []
  policy.onAdopted(({ revision }) => heard.push(revision))
  for (const [index, { revision }] of later.entries()) await policy.adopt(revision, index + 2)
  expect(heard).toEqual(later.map(({ revision }) => revision))
  return lines.map(({ level, paths, revision }) => [level, paths, compiled.findIndex((one) => one.revision === revision)])
}

it('names what a mask hides nowhere, of the policy in force and of each one that takes force', async () => {
  const paths = ['resource.attributes.ammount']
  expect(await told('user,resource.attributes.amount,resource.attributes.ammount', logging, plain)).toEqual([
    ['warn', paths, 0],
    ['warn', ['resource.attributes.amount', ...paths], 1],
  ])
})

it('says nothing of a mask that hides something, or names no attribute', async () => {
  expect(await told('resource.attributes.amount,resource.attributes', logging)).toEqual([])
  expect(await told('user,resource.attributes', plain, logging)).toEqual([])
})
