/** What docs/client.md says is true: its commands run, its programs compile, and those of its tests that need nothing else pass. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { cleanEnvironment, runCastellan } from '../support/castellan-process.ts'
import { documentedBlocks, makeReadersFolder, runBlock } from '../support/documented-commands.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/client.md'), 'utf8')
const blocks = documentedBlocks('docs/client.md')
/** Programs say in their first line how they are called. */
const programs = [...page.matchAll(/^```(?:ts|js)\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => ({ name, text }))
const { folder, remove } = makeReadersFolder()

beforeAll(async () => {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/castellan'))
  for (const name of ['@grpc', '@nestjs', '@types', 'express', 'fastify'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  for (const { name, text } of programs) writeFileSync(join(folder, name), text)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
  const [, facts = ''] = /^```json facts\n([\s\S]*?)^```$/m.exec(page) ?? []
  writeFileSync(join(folder, 'facts.json'), facts)
  const generated = await runCastellan(['codegen', 'policies', '--out', 'permissions.ts'], { cwd: folder })
  expect(generated.code).toBe(0)
})
afterAll(() => remove())

describe('docs/client.md', () => {
  it('has blocks to run, and programs of which each says its name', () => {
    expect(blocks.length).toBeGreaterThan(2)
    expect(programs.length).toBeGreaterThan(10)
    expect(programs.length).toBe([...page.matchAll(/^```(?:ts|js)$/gm)].length)
  })

  it.each(blocks.map((block) => [block.split('\n')[0] ?? '', block]))('is answered as it says: %s', (_, block) => {
    runBlock(block, folder, {}, [])
  })

  it('compiles, each program, against the types that the package delivers', () => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{ target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], strict: true },
          ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: true, noEmit: true },
          ...{ allowImportingTsExtensions: true, experimentalDecorators: true, preserveSymlinks: true },
        },
        include: ['*.ts'],
      }),
    )
    const checked = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' })
    expect({ code: checked.status, out: checked.stdout }).toEqual({ code: 0, out: '' })
  })

  it('has tests that pass', () => {
    // Node 20 does not run TypeScript by itself.
    const typescript = pathToFileURL(join(root, 'test/chaos/typescript.mjs')).href
    const environment = cleanEnvironment()
    for (const name of ['office.test.ts', 'guarded.test.ts']) {
      const args = ['--no-warnings', '--import', typescript, '--test', name]
      execFileSync(process.execPath, args, {
        cwd: folder,
        env: { ...environment, CASTELLAN_GRPC_TARGET: '127.0.0.1:1', CASTELLAN_KEY: 'k' },
        stdio: 'pipe',
      })
    }
  })

  it('links only to what exists', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)\)/g))
      expect([target, existsSync(join(root, 'docs', target))]).toEqual([target, true])
  })
})
