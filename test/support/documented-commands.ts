/** Runs what a page of documentation tells its reader to run, in a folder like a clone, and holds the answers against what it says. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from '@jest/globals'
import { castellanEntry, cleanEnvironment } from './castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The text of each `sh test` block. */
export function documentedBlocks(page: string): readonly string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh test\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
}

/** A block's commands, each with what its answer must contain. */
export function commandsOf(block: string): readonly { readonly command: string; readonly expected: string | undefined }[] {
  return block
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [command = '', expected] = line.split(/\s+# → /)
      return { command, expected }
    })
}

/** A folder with the policies, which may be edited, and with what npx finds in a clone. */
export function makeReadersFolder(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-reader-'))
  cpSync(join(root, 'policies'), join(folder, 'policies'), { recursive: true })
  mkdirSync(join(folder, 'bin'))
  writeExecutable(
    join(folder, 'bin/npx'),
    `#!/bin/sh\nname=$1\nshift\ncase $name in\n  castellan) exec "${process.execPath}" "${castellanEntry}" "$@" ;;\n  buf) exec "${root}/node_modules/.bin/buf" "$@" ;;\nesac\nexit 127\n`,
  )
  if (spawnSync('curl', ['--version']).error !== undefined) writeExecutable(join(folder, 'bin/curl'), CURL)
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** @param addresses what the page says, and what it is here */
export function runBlock(
  block: string,
  folder: string,
  environment: Readonly<Record<string, string>>,
  addresses: readonly (readonly [string, string])[],
): void {
  const variables = cleanEnvironment({ ...environment, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` })
  let exports = ''
  for (const { command, expected } of commandsOf(block)) {
    const text = addresses.reduce((said, [from, to]) => said.replaceAll(from, to), command)
    if (text.startsWith('export ')) {
      exports += `${text}\n`
      continue
    }
    // What is written on standard error would end up in the thrown error.
    const answer = execFileSync('sh', ['-e', '-c', `${exports}${text}`], { cwd: folder, env: variables, encoding: 'utf8', stdio: 'pipe' })
    if (expected !== undefined) expect({ command, answer }).toMatchObject({ answer: expect.stringContaining(expected) })
  }
}

function writeExecutable(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** As much of curl as our pages use, for machines that have only Node. */
const CURL = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs')
const words = process.argv.slice(2)
const after = (option) => words.flatMap((word, index) => (words[index - 1] === option ? [word] : []))
const headers = after('-H').map((header) => header.split(': '))
const [body] = after('-d')
const [save] = after('-c')
const [jar] = after('-b')
if (jar !== undefined) headers.push(['cookie', readFileSync(jar, 'utf8')])
fetch(words.find((word) => word.startsWith('http')), { method: body === undefined ? 'GET' : 'POST', headers, body })
  .then((answer) => {
    if (save !== undefined) writeFileSync(save, answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; '))
    return answer.text()
  })
  .then((text) => process.stdout.write(text))
`
