/** The example's command line: a slip is told in one line, before anything is built or started. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'

const START = fileURLToPath(new URL('../../examples/start.mjs', import.meta.url))

it.each([[['--port', 'x']], [['--port', '0']], [['--port', '70000']], [['--prot', '3001']], [['3001']]])('refuses %j', (args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [START, ...args], { encoding: 'utf8', timeout: 60_000 })
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(/^.+\nTry: npm run example -- --help\n$/)
})
