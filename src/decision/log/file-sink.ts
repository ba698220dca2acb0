/** Records as lines of JSON in a file of this process alone, a few files of a bounded size in turn. Only whole lines stay in them. Floor 5. */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DecisionSink } from './sink.ts'

export interface FileSinkPlan {
  readonly path: string
  /** Of one file. */
  readonly bytesMax: number
  /** With the one that is written to. */
  readonly filesMax: number
}

/** Read and written by the service, read by its group: collectors run as another user. */
const MODE = 0o640
/** Looked through for the last whole line, from the end: longer than any record. */
const TAIL_BYTES = 4_194_304

export function openFileSink(plan: FileSinkPlan): DecisionSink {
  return new FileSink(plan)
}

class FileSink implements DecisionSink {
  readonly name = 'file'
  readonly #plan: FileSinkPlan
  #handle: FileHandle | undefined

  constructor(plan: FileSinkPlan) {
    this.#plan = plan
  }

  async write(batch: Parameters<DecisionSink['write']>[0]): Promise<number> {
    const bytes = Buffer.from(batch.map((entry) => `${entry.line}\n`).join(''))
    let handle = await this.#current()
    let { size } = await handle.stat()
    if (size > 0 && size + bytes.length > this.#plan.bytesMax) {
      await this.#rotate()
      handle = await this.#current()
      size = (await handle.stat()).size
    }
    try {
      await handle.writeFile(bytes)
    } catch (fault) {
      await this.#takeBack(handle, size)
      throw fault
    }
    return 0
  }

  async close(): Promise<void> {
    await this.#leave()
  }

  /** The file that has this name now: somebody may have moved or removed the one that was opened. */
  async #current(): Promise<FileHandle> {
    const { path } = this.#plan
    if (this.#handle !== undefined) {
      const [named, opened] = await Promise.all([stat(path).catch(() => undefined), this.#handle.stat()])
      if (named?.ino === opened.ino && named.dev === opened.dev) return this.#handle
      await this.#leave()
    }
    await mkdir(dirname(path), { recursive: true })
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, MODE)
    try {
      await endWithWholeLine(handle)
    } catch (fault) {
      await handle.close()
      throw fault
    }
    this.#handle = handle
    return handle
  }

  /** A batch that was written in part is written again whole: nothing of it stays. When even that fails the file is opened anew, which looks at its end. */
  async #takeBack(handle: FileHandle, size: number): Promise<void> {
    try {
      await handle.truncate(size)
    } catch {
      await this.#leave()
    }
  }

  async #rotate(): Promise<void> {
    const { path, filesMax } = this.#plan
    await this.#leave()
    if (filesMax === 1) return await rm(path, { force: true })
    for (let number = filesMax - 2; number >= 0; number -= 1) {
      const from = number === 0 ? path : `${path}.${number}`
      await rename(from, `${path}.${number + 1}`).catch((fault: NodeJS.ErrnoException) => {
        if (fault.code !== 'ENOENT') throw fault
      })
    }
  }

  async #leave(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** What a process that died, or a disk that was full, left behind of a line is cut off. Anything but a plain file has no end to look at. */
async function endWithWholeLine(handle: FileHandle): Promise<void> {
  const found = await handle.stat()
  if (!found.isFile() || found.size === 0) return
  const length = Math.min(found.size, TAIL_BYTES)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, found.size - 1)
  if (bytesRead === 1 && buffer[0] === LINE_FEED) return
  const tail = await handle.read(Buffer.alloc(length), 0, length, found.size - length)
  const last = tail.buffer.subarray(0, tail.bytesRead).lastIndexOf(LINE_FEED)
  if (last === -1 && length < found.size) throw new Error('The file of the decision log has no lines; it is none of ours')
  await handle.truncate(last === -1 ? 0 : found.size - length + last + 1)
}
const LINE_FEED = 0x0a
