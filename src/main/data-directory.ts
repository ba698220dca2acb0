/** The folder in which `castellan dev` keeps things: makes it, and words what the system refuses. Knows nothing of what lies in it. Floor 6. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AppError } from '../ground/errors.ts'

/** The system does not let us use the directory. */
export class DataDirectoryError extends AppError<'data_directory_unusable'> {
  constructor(directory: string, why: string, cause?: unknown) {
    const message = `The data directory ${resolve(directory)} cannot be used: ${why}.`
    super('data_directory_unusable', message, message, {
      hint: 'Set CASTELLAN_DATA_DIR to a folder on a local disk that this user may make and write.',
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there (EACCES)',
  EPERM: 'this user may not write there (EPERM)',
  EROFS: 'the disk is read-only (EROFS)',
  EEXIST: 'it is not a folder (EEXIST)',
  ENOTDIR: 'a part of its path is not a folder (ENOTDIR)',
  ENAMETOOLONG: 'its path is too long (ENAMETOOLONG)',
  ENOENT: 'nothing can be made there (ENOENT)',
  ENOSPC: 'the disk is full (ENOSPC)',
}

/** Makes the folder, for its owner alone, with those above it that are missing. @throws DataDirectoryError */
export function makeDataDirectory(directory: string): void {
  inDataDirectorySync(directory, () => {
    const missing: string[] = []
    for (let at = resolve(directory); !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at)
    // Not mkdir's own `recursive`: below /proc it never comes back.
    for (const folder of missing) makeFolder(folder)
    if (!statSync(directory).isDirectory()) throw new DataDirectoryError(directory, WHY['EEXIST'] ?? '')
  })
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (fault) {
    // Another process that starts now may have been first; what else may be there is looked at when all are made.
    if (codeOf(fault) !== 'EEXIST') throw fault
  }
}

/** Runs `work`, whose refusals by the system are told as the directory's. @throws DataDirectoryError; errors of ours as they are */
export async function inDataDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    throw worded(directory, fault)
  }
}

/** As `inDataDirectory`, for work that is done at once. */
export function inDataDirectorySync<T>(directory: string, work: () => T): T {
  try {
    return work()
  } catch (fault) {
    throw worded(directory, fault)
  }
}

function worded(directory: string, fault: unknown): unknown {
  const code = codeOf(fault)
  return fault instanceof AppError || code === undefined ? fault : new DataDirectoryError(directory, WHY[code] ?? code, fault)
}

function codeOf(fault: unknown): string | undefined {
  return typeof fault === 'object' && fault !== null && 'code' in fault && typeof fault.code === 'string' ? fault.code : undefined
}
