/** Records as lines of JSON in a file of this process alone, a few files of a bounded size in turn. Only whole lines stay in them; what is not ours stays as it is. Floor 5. */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogEntry } from './entry.ts'
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
/** As a line of ours begins: what does not, somebody else wrote. */
const BEGINNING = Buffer.from('{"type":"decision"')

export function openFileSink(plan: FileSinkPlan): DecisionSink {
  return new FileSink(plan)
}

class FileSink implements DecisionSink {
  readonly name = 'file'
  readonly #plan: FileSinkPlan
  #handle: FileHandle | undefined
  /** Of a pipe, which cannot be cut back: its next write ends what was begun. */
  #isCut = false
  #isUnderWay = false

  constructor(plan: FileSinkPlan) {
    this.#plan = plan
  }

  async write(batch: readonly LogEntry[], signal: AbortSignal): Promise<number> {
    // A disk that does not answer holds a thread for each who asks, and others need those few threads.
    if (this.#isUnderWay) throw new Error('The file of the decision log has not answered yet')
    this.#isUnderWay = true
    const writing = this.#write(batch).finally(() => {
      this.#isUnderWay = false
    })
    return await unlessGivenUp(writing, signal)
  }

  async close(): Promise<void> {
    if (!this.#isUnderWay) await this.#leave()
  }

  async #write(batch: readonly LogEntry[]): Promise<number> {
    const lines = batch.map((entry) => `${entry.line}\n`).join('')
    const bytes = Buffer.from(this.#isCut ? `\n${lines}` : lines)
    let handle = await this.#current()
    let { size } = await handle.stat()
    if (size > 0 && size + bytes.length > this.#plan.bytesMax) {
      await this.#rotate()
      handle = await this.#current()
      size = (await handle.stat()).size
    }
    try {
      await handle.writeFile(bytes)
      this.#isCut = false
    } catch (fault) {
      await this.#takeBack(handle, size)
      throw fault
    }
    return 0
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
    // Not waiting: a pipe that nobody reads is told at once; a plain file knows no difference.
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, MODE)
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
      if ((await handle.stat()).isFile()) await handle.truncate(size)
      else this.#isCut = true
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

/** What a process that died, or a disk that was full, left behind of a line of ours is cut off, and any other line is ended. Anything but a plain file has no end to look at. */
async function endWithWholeLine(handle: FileHandle): Promise<void> {
  const found = await handle.stat()
  if (!found.isFile() || found.size === 0) return
  const length = Math.min(found.size, TAIL_BYTES)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, found.size - 1)
  if (bytesRead === 1 && buffer[0] === LINE_FEED) return
  const tail = await handle.read(Buffer.alloc(length), 0, length, found.size - length)
  const last = tail.buffer.subarray(0, tail.bytesRead).lastIndexOf(LINE_FEED)
  const rest = tail.buffer.subarray(last + 1, tail.bytesRead)
  const isWholeRest = last !== -1 || length === found.size
  const begun = Math.min(rest.length, BEGINNING.length)
  if (isWholeRest && rest.subarray(0, begun).equals(BEGINNING.subarray(0, begun))) await handle.truncate(found.size - rest.length)
  else await handle.writeFile('\n')
}

/** What is under way goes on: nothing in the system takes it back. */
async function unlessGivenUp(writing: Promise<number>, signal: AbortSignal): Promise<number> {
  let stop: (() => void) | undefined
  const givenUp = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('The file of the decision log did not answer in time'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  writing.catch(() => undefined)
  try {
    return await Promise.race([writing, givenUp])
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop)
  }
}
const LINE_FEED = 0x0a
