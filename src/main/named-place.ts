/** Writing where somebody named a place: the folders above it are made, and a place that is none is told in words. Floor 6. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain } from './command-line/terminal.ts'

/**
 * @param flag `wx`: only when nothing is there
 * @throws what the system says: see placeFault
 */
export async function writeWithFolders(file: string, text: string, flag: 'w' | 'wx'): Promise<void> {
  await makeFolder(dirname(file))
  await writeFile(file, text, { flag })
}

/** @param what option or folder that named it, and its name */
export function placeFault(what: string, verb: 'written' | 'read', cause: unknown, hint: string): CommandError {
  return new CommandError(EXIT.fault, `${plain(what)} cannot be ${verb}: ${plain(codeOf(cause) ?? String(cause))}`, hint)
}

/** Step by step: asked for all at once, Node.js tries for ever where the system makes no folder and says that there is none, as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (cause) {
    const code = codeOf(cause)
    // A file in its place shows when the next thing is made in it. Roots of drives are no folders that can be made.
    if (code === 'EEXIST' || dirname(folder) === folder) return
    if (code !== 'ENOENT') throw cause
    await makeFolder(dirname(folder))
    await mkdir(folder).catch(unlessThere)
  }
}

/** Somebody else may have made it meanwhile. */
function unlessThere(cause: unknown): void {
  if (codeOf(cause) !== 'EEXIST') throw cause
}

function codeOf(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined
}
