/**
 * One process at a time in a data directory: PGlite opened twice would destroy it without an error.
 * Whoever listens on the socket with the highest number holds the lock; the kernel closes it with the process, so nothing outlives SIGKILL.
 * Knows nothing of what lies in the directory. Floor 6.
 */
import { createHash } from 'node:crypto'
import { readdirSync, realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../ground/errors.ts'
import { inDataDirectory, makeDataDirectory } from './data-directory.ts'

/** What a holder tells about itself, so that the refused one can say where to look. */
export interface LockHolder {
  readonly pid: number
  readonly sinceIso: string
}

/** Another process holds the directory. */
export class DirectoryLockedError extends AppError<'directory_locked'> {
  constructor(directory: string, holder: LockHolder | undefined) {
    const who = holder === undefined ? 'another process' : `process ${holder.pid}, started ${holder.sinceIso}`
    const stop = holder === undefined ? 'Stop it' : `Use that one, stop it (kill ${holder.pid})`
    super(
      'directory_locked',
      `The data directory ${directory} is in use by ${who}.`,
      `The data directory ${directory} is in use by ${who}.`,
      {
        hint: `${stop}, or give this one a directory of its own with CASTELLAN_DATA_DIR (and ports of its own).`,
      },
    )
  }
}

export interface DirectoryLock {
  release(): Promise<void>
}

/** Socket addresses are short on every system (104 bytes on the shortest). */
const SOCKET_PATH_BYTES_MAX = 100
/** Two starts in the same instant may refuse each other; after so many rounds somebody else really holds it. */
const ROUNDS_MAX = 20
/** Longest pause between rounds, milliseconds; random so that two do not stay in step. */
const ROUND_PAUSE_MS_MAX = 50
/** A holder answers from its event loop, which making a new database keeps busy for seconds; one that is busy longer still holds the lock, only unnamed. */
const ANSWER_TIMEOUT_MS = 15_000
const LOCK_NAME = /^lock\.(\d{1,9})$/

/**
 * Takes the lock, also over the remains of a killed process.
 * @param randomUnit 0 to 1, spreads the rounds of two that start at once
 * @throws DirectoryLockedError naming the holder, DataDirectoryError
 */
export async function lockDirectory(directory: string, holder: LockHolder, randomUnit: () => number): Promise<DirectoryLock> {
  makeDataDirectory(directory)
  return await inDataDirectory(directory, () => takeLock(directory, holder, randomUnit))
}

async function takeLock(directory: string, holder: LockHolder, randomUnit: () => number): Promise<DirectoryLock> {
  const place = process.platform === 'win32' ? pipePlace(directory) : socketPlace(directory)
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const outcome = await takeOnce(place, holder)
    if (outcome !== 'contended') {
      if ('lock' in outcome) return outcome.lock
      throw new DirectoryLockedError(directory, outcome.holder)
    }
    await delay(randomUnit() * ROUND_PAUSE_MS_MAX)
  }
  throw new DirectoryLockedError(directory, undefined)
}

interface Place {
  /** Numbers of the lock addresses that exist, dead or alive. */
  list(): readonly number[]
  address(number: number): string
  remove(number: number): void
}

/**
 * One round. The order is what makes it safe: listen first, then look at everybody again, so that of two in the same instant
 * at least one sees the other; a listener is never removed, only addresses on which nobody answered.
 */
async function takeOnce(
  place: Place,
  holder: LockHolder,
): Promise<{ lock: DirectoryLock } | { holder: LockHolder | undefined } | 'contended'> {
  const before = place.list()
  const alive = await findAlive(place, before)
  if (alive !== undefined) return { holder: alive.holder }
  const mine = Math.max(0, ...before) + 1
  const server = await listen(place.address(mine), holder)
  if (server === undefined) return 'contended'
  const others = place.list().filter((number) => number !== mine)
  if (others.some((number) => number > mine) || (await findAlive(place, others)) !== undefined) {
    await closeServer(server)
    return 'contended'
  }
  for (const number of others) place.remove(number)
  return { lock: { release: () => closeServer(server) } }
}

async function findAlive(place: Place, numbers: readonly number[]): Promise<{ readonly holder: LockHolder | undefined } | undefined> {
  for (const number of numbers) {
    const answer = await ask(place.address(number))
    if (answer !== undefined) return answer
  }
  return undefined
}

/** `undefined`: nobody listens there. Any doubt (no rights, a busy holder) counts as held. */
function ask(address: string): Promise<{ readonly holder: LockHolder | undefined } | undefined> {
  return new Promise((settle) => {
    const socket = connect(address)
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy()
      settle({ holder: undefined })
    })
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => settle({ holder: parseHolder(text) }))
    socket.on('error', (fault: NodeJS.ErrnoException) => {
      settle(fault.code === 'ECONNREFUSED' || fault.code === 'ENOENT' ? undefined : { holder: undefined })
    })
  })
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('sinceIso' in value)) return undefined
    return typeof value.pid === 'number' && typeof value.sinceIso === 'string' ? { pid: value.pid, sinceIso: value.sinceIso } : undefined
  } catch {
    return undefined
  }
}

/** `undefined`: the address exists already. */
function listen(address: string, holder: LockHolder): Promise<Server | undefined> {
  return new Promise((settle, refuse) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(JSON.stringify(holder))
    })
    server.once('error', (fault: NodeJS.ErrnoException) => (fault.code === 'EADDRINUSE' ? settle(undefined) : refuse(fault)))
    server.listen(address, () => {
      // A lock alone does not keep a process alive.
      server.unref()
      settle(server)
    })
  })
}

/** Closing removes the address first and the listener after (libuv), so nobody else's new address of the same number is removed. */
function closeServer(server: Server): Promise<void> {
  return new Promise((settle) => server.close(() => settle()))
}

function socketPlace(directory: string): Place {
  const absolute = resolve(directory)
  const fromHere = relative(process.cwd(), absolute)
  const shorter = fromHere.length > 0 && fromHere.length < absolute.length ? fromHere : absolute
  const address = (number: number) => join(shorter, `lock.${number}`)
  if (Buffer.byteLength(address(999_999_999)) > SOCKET_PATH_BYTES_MAX)
    throw new AppError(
      'directory_path_too_long',
      `The path of the data directory is too long: ${directory}`,
      'The data directory path is too long.',
      {
        hint: `Its socket needs a path of at most ${SOCKET_PATH_BYTES_MAX} bytes: set CASTELLAN_DATA_DIR to a shorter one.`,
      },
    )
  return {
    list: () =>
      readdirSync(absolute)
        .flatMap((name) => LOCK_NAME.exec(name)?.[1] ?? [])
        .map(Number),
    address,
    remove: (number) => rmSync(join(absolute, `lock.${number}`), { force: true }),
  }
}

/** Windows: a named pipe vanishes with its process, so there is one number and nothing is left over. */
function pipePlace(directory: string): Place {
  const address = `\\\\.\\pipe\\castellan-${createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32)}`
  return { list: () => [0], address: () => address, remove: () => undefined }
}
