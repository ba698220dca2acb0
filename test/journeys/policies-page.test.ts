/** What docs/policies.md says is true: its commands, one after the other, against a service that goes by published revisions. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type RunningService, startDev } from '../support/castellan-process.ts'
import { documentedBlocks, makeReadersFolder, runBlock } from '../support/documented-commands.ts'

const docs = fileURLToPath(new URL('../../docs', import.meta.url))
const blocks = documentedBlocks('docs/policies.md')
const { folder, remove } = makeReadersFolder()
let service: RunningService
beforeAll(async () => {
  service = await startDev({ cwd: folder, environment: { CASTELLAN_POLICY_SOURCE: 'published' } })
})
afterAll(async () => {
  service.process.kill('SIGKILL')
  await service.process.ended
  remove()
})

describe('docs/policies.md', () => {
  it('has blocks to run', () => {
    expect(blocks.length).toBeGreaterThan(5)
  })

  it.each(blocks.map((block, index) => [String(index + 1), block] as const))('is answered as it says, block %s', (_, block) => {
    runBlock(block, folder, { CASTELLAN_URL: service.url }, [])
  })

  it('links only to what exists', () => {
    for (const [, target = ''] of readFileSync(join(docs, 'policies.md'), 'utf8').matchAll(/\]\(([^)#]+)\)/g))
      expect(() => readFileSync(join(docs, target))).not.toThrow(/ENOENT/)
  })
})
