/** Gives the review its process: environment, network, and the command castellan by npx. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { review } from './review.mjs'

/** Bytes kept of what a command writes: beyond it something is wrong with it. */
const OUTPUT_BYTES_MAX = 67_108_864

/** Empty, and not in the checkout: a .npmrc or node_modules of the pull request would say which program is run, and gets the key. */
// biome-ignore lint/style/noProcessEnv: the door of the action
const place = mkdtempSync(join(process.env.RUNNER_TEMP || tmpdir(), 'castellan-run-'))

/** @returns exit code and both outputs, whole */
function runNpx(args, environment) {
  return new Promise((resolve, reject) => {
    const child = spawn('npx', args, { cwd: place, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const out = []
    const err = []
    let bytes = 0
    const keep = (list) => (chunk) => {
      bytes += chunk.length
      if (bytes > OUTPUT_BYTES_MAX) child.kill()
      else list.push(chunk)
    }
    child.stdout.on('data', keep(out))
    child.stderr.on('data', keep(err))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code: code ?? 1, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') }),
    )
  })
}

try {
  process.exitCode = await review({
    // biome-ignore lint/style/noProcessEnv: the door of the action
    environment: process.env,
    checkout: process.cwd(),
    fetch,
    run: runNpx,
    write: (text) => void process.stdout.write(text),
    stopToken: randomUUID(),
  })
} finally {
  rmSync(place, { recursive: true, force: true })
}
