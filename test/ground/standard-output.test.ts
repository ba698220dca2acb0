/** Standard output of a service: whole lines, whoever reads them or does not. */
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { openStandardOutput } from '../../src/ground/standard-output.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-output-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** As the process has it where its standard output is a file. */
const fileStream = (fd: number) => Object.assign(new PassThrough(), { fd }) as Writable & { readonly fd: number }

describe('standard output', () => {
  it('that is full takes nothing, says so to who can wait, and ends nothing', async () => {
    const descriptor = openSync('/dev/full', 'w')
    const output = openStandardOutput(fileStream(descriptor))
    output.write('a line of the log\n')
    await expect(output.take('a record\n')).rejects.toMatchObject({ code: 'ENOSPC' })
    closeSync(descriptor)
  })

  it('ends a line that was cut off by a full disk before the next one', async () => {
    const path = join(folder, 'out')
    const script = `
      import { openSync, truncateSync } from 'node:fs'
      import { openStandardOutput } from ${JSON.stringify(join(packageRoot(), 'src/ground/standard-output.ts'))}
      process.on('SIGXFSZ', () => undefined)
      const output = openStandardOutput(Object.assign(new (await import('node:stream')).PassThrough(), { fd: openSync(${JSON.stringify(path)}, 'a') }))
      const line = 'x'.repeat(9_999)
      let failed = 0
      for (let number = 0; number < 4; number += 1) await output.take(line + '\\n').catch(() => (failed += 1))
      truncateSync(${JSON.stringify(path)}, 25_000)
      output.write('next\\n')
      process.stdout.write(String(failed))`
    // 32 KiB at most, by what the shell counts in.
    const child = spawn(
      'bash',
      [
        '-c',
        'ulimit -f 32; exec "$0" --no-warnings --import ./test/chaos/typescript.mjs --input-type=module -e "$1"',
        process.execPath,
        script,
      ],
      { cwd: packageRoot(), stdio: ['ignore', 'pipe', 'inherit'] },
    )
    expect(Number(await new Response(child.stdout as unknown as ReadableStream).text())).toBeGreaterThan(0)
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines.slice(-2)).toEqual(['next', ''])
  })

  it('that nobody reads holds back no more than its bound of a log', () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    const output = openStandardOutput(stream)
    for (let number = 0; number < 10_000; number += 1) output.write(`${'x'.repeat(999)}\n`)
    expect(stream.writableLength).toBeGreaterThan(100_000)
    expect(stream.writableLength).toBeLessThan(300_000)
  })
})
