/** The command that runs in our place: its exit code and its end are ours. */
import { spawn } from 'node:child_process'
import { EventEmitter, on } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { codeOfSignal, passSignals, runCommand, type SignalPass } from '../../src/main/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'castellan-run-command-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** This process, as far as signals go. */
const system = process as NodeJS.Process
const node = (script: string) => [process.execPath, '-e', script]

describe('runCommand', () => {
  let signals: SignalPass
  let before: number
  beforeEach(() => {
    before = system.listenerCount('SIGTERM')
    signals = passSignals(system)
  })
  afterEach(() => {
    signals.end()
    expect(system.listenerCount('SIGTERM')).toBe(before)
  })

  it("answers the command's own exit code, and 128 + n for a signal", async () => {
    expect(await runCommand(node('process.exit(7)'), process.env, signals)).toBe(7)
    expect(await runCommand(node('0'), process.env, signals)).toBe(0)
    expect(await runCommand(node('process.kill(process.pid, "SIGTERM")'), process.env, signals)).toBe(143)
    expect(codeOfSignal('SIGINT')).toBe(130)
  })

  it('gives it the environment that it was told, and no other', async () => {
    const script = 'process.exit(process.env.CASTELLAN_URL === "http://x" && process.env.CASTELLAN_OTHER === undefined ? 3 : 4)'
    expect(await runCommand(node(script), { CASTELLAN_URL: 'http://x' }, signals)).toBe(3)
  })

  it('says what to do about a command that there is not, or that may not be run', async () => {
    await expect(runCommand(['no-such-command', '--watch'], process.env, signals)).rejects.toMatchObject({
      exitCode: 127,
      hint: expect.stringContaining('castellan run -- npx no-such-command --watch'),
    })
    await expect(runCommand(['npm test'], process.env, signals)).rejects.toMatchObject({
      exitCode: 127,
      hint: expect.stringContaining('sh -c'),
    })
    const file = join(folder, 'plain.txt')
    writeFileSync(file, 'no program')
    chmodSync(file, 0o644)
    await expect(runCommand([file], process.env, signals)).rejects.toMatchObject({ exitCode: 126 })
  })

  it('says so too where Node.js throws in place of telling', async () => {
    const file = join(folder, 'file.txt')
    writeFileSync(file, '')
    await expect(runCommand([join(file, 'x')], process.env, signals)).rejects.toMatchObject({ name: 'CommandError', exitCode: 127 })
    const circle = join(folder, 'circle')
    symlinkSync(circle, circle)
    await expect(runCommand([circle], process.env, signals)).rejects.toMatchObject({ name: 'CommandError', exitCode: 126 })
  })

  it('knows what lies here under the name of a command that there is not', async () => {
    // Of this repository, where tests run.
    await expect(runCommand(['package.json', 'x'], process.env, signals)).rejects.toMatchObject({
      exitCode: 127,
      hint: expect.stringContaining('castellan run -- ./package.json x'),
    })
    await expect(runCommand([''], process.env, signals)).rejects.toMatchObject({ name: 'CommandError' })
    await expect(runCommand(['policies'], process.env, signals)).rejects.toMatchObject({ hint: expect.stringContaining('is a folder') })
  })

  it('leaves the first Ctrl-C of a terminal to the terminal, and passes on all else', async () => {
    const terminal = Object.assign(new EventEmitter(), { stdin: { isTTY: true } }) as unknown as NodeJS.Process
    const pass = passSignals(terminal)
    const program =
      'for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => console.log(name)); console.log("up"); setInterval(() => 0, 1e6)'
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = on(createInterface({ input: child.stdout }), 'line')
    const next = async () => ((await lines.next()).value as readonly string[])[0]
    try {
      pass.follow(child)
      expect(await next()).toBe('up')
      terminal.emit('SIGINT', 'SIGINT')
      terminal.emit('SIGTERM', 'SIGTERM')
      expect(await next()).toBe('SIGTERM')
      terminal.emit('SIGINT', 'SIGINT')
      expect(await next()).toBe('SIGINT')
    } finally {
      pass.end()
      child.kill('SIGKILL')
    }
  })

  it('remembers a signal that came before there was a command', () => {
    expect(signals.early).toBeUndefined()
    system.emit('SIGTERM', 'SIGTERM')
    expect(signals.early).toBe('SIGTERM')
  })
})
