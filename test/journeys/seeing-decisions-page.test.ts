/** What docs/seeing-decisions.md says is true: its commands, one after the other, against the service that it tells its reader to start. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type RunningService, runCastellan, startDev } from '../support/castellan-process.ts'
import { documentedBlocks, makeReadersFolder, runBlock } from '../support/documented-commands.ts'

const docs = fileURLToPath(new URL('../../docs', import.meta.url))
const page = readFileSync(join(docs, 'seeing-decisions.md'), 'utf8')
const blocks = documentedBlocks('docs/seeing-decisions.md')
const { folder, remove } = makeReadersFolder()
let service: RunningService
beforeAll(async () => {
  service = await startDev({ cwd: folder })
})
afterAll(async () => {
  service.process.kill('SIGKILL')
  await service.process.ended
  remove()
})

describe('docs/seeing-decisions.md', () => {
  it('has blocks to run', () => {
    expect(blocks.length).toBeGreaterThan(5)
  })

  it.each(blocks.map((block, index) => [String(index + 1), block] as const))('is answered as it says, block %s', (_, block) => {
    runBlock(block, folder, { CASTELLAN_URL: service.url }, [
      ['http://127.0.0.1:8080', service.url],
      ['http://127.0.0.1:9464', service.probes.replace(/\/$/, '')],
    ])
  })

  it('names only commands, options and variables that there are', async () => {
    const known = `${readFileSync(join(docs, 'settings.md'), 'utf8')} CASTELLAN_KEY_FILE`
    for (const [name] of page.matchAll(/CASTELLAN_[A-Z_]+/g)) expect(known).toContain(name)
    for (const [, words = '', options = ''] of page.matchAll(/npx castellan ((?:[a-z-]+ )?[a-z-]+)([^\n|#]*)/g)) {
      const [group = '', command = ''] = words.split(' ')
      const help = await runCastellan([group, ...(['decisions', 'audit', 'roles'].includes(group) ? [command] : []), '--help'], {
        cwd: folder,
      })
      expect([words, help.code]).toEqual([words, 0])
      for (const [option] of options.matchAll(/--[a-z-]+/g)) expect(help.out).toContain(option)
    }
  })

  it('links only to what exists', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)\)/g)) expect([target, existsSync(join(docs, target))]).toEqual([target, true])
  })
})
