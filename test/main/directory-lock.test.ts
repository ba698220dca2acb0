/** The data directory's lock: one holder at a time, none left over from the dead. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type DirectoryLock, DirectoryLockedError, lockDirectory } from '../../src/main/directory-lock.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-lock-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const take = (pid: number) => lockDirectory(directory, { pid, sinceIso: '2026-11-21T09:00:00.000Z' }, Math.random)

describe('lockDirectory', () => {
  it('refuses a second taker with an error that names the holder and the way on', async () => {
    const lock = await take(11)
    const refusal = await take(12).catch((fault: unknown) => fault)
    expect(refusal).toBeInstanceOf(DirectoryLockedError)
    expect(refusal).toMatchObject({
      code: 'directory_locked',
      message: expect.stringContaining('process 11'),
      hint: expect.stringContaining('CASTELLAN_DATA_DIR'),
    })
    await lock.release()
  })

  it('is free again after release, and leaves nothing behind', async () => {
    await (await take(11)).release()
    expect(readdirSync(directory)).toEqual([])
    const again = await take(12)
    await again.release()
  })

  it('takes over the sockets that killed processes left', async () => {
    for (let round = 0; round < 3; round += 1) await leaveDeadSocket(join(directory, `lock.${round + 1}`))
    const lock = await take(13)
    expect(readdirSync(directory)).toEqual(['lock.4'])
    await lock.release()
  })

  it('gives the lock to exactly one of many that start in the same instant, over a dead holder too', async () => {
    await leaveDeadSocket(join(directory, 'lock.1'))
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => take(index + 1)))
    const won = outcomes.flatMap((outcome): DirectoryLock[] => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DirectoryLockedError)
    expect(won).toHaveLength(1)
    for (const lock of won) await lock.release()
  })

  it('treats a holder that does not tell its name as a holder', async () => {
    const server = createServer((socket) => socket.end('not json'))
    await new Promise<void>((settle) => server.listen(join(directory, 'lock.7'), settle))
    await expect(take(14)).rejects.toMatchObject({ code: 'directory_locked' })
    await new Promise((settle) => server.close(settle))
  })

  it('does not mind other files in the directory', async () => {
    writeFileSync(join(directory, 'lock.txt'), '')
    const lock = await take(15)
    await lock.release()
    expect(readdirSync(directory)).toEqual(['lock.txt'])
  })
})

describe('a data directory that cannot be used', () => {
  const use = (path: string) => lockDirectory(path, { pid: 16, sinceIso: '2026-11-21T09:00:00.000Z' }, Math.random)
  const unusable = { code: 'data_directory_unusable', hint: expect.stringContaining('CASTELLAN_DATA_DIR') }

  it('is told with the setting: a file, a path through a file, a name too long, a link to nowhere', async () => {
    writeFileSync(join(directory, 'file'), '')
    symlinkSync(join(directory, 'nowhere'), join(directory, 'link'))
    for (const [name, why] of [
      ['file', 'EEXIST'],
      ['file/below', 'ENOTDIR'],
      ['x'.repeat(300), 'ENAMETOOLONG'],
      ['link', 'ENOENT'],
    ] as const)
      await expect(use(join(directory, name))).rejects.toMatchObject({ ...unusable, message: expect.stringContaining(why) })
  })

  it('is made for its owner alone, with the folders above it', async () => {
    const lock = await use(join(directory, 'a/b'))
    for (const name of ['a', 'a/b']) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o700)
    await lock.release()
  })
})

/** A process that binds the address and is killed: the file stays, nobody listens. */
async function leaveDeadSocket(address: string): Promise<void> {
  const child = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(address)}, () => console.log('up'))`,
  ])
  await new Promise((settle) => child.stdout.once('data', settle))
  const gone = new Promise((settle) => child.once('exit', settle))
  child.kill('SIGKILL')
  await gone
}
