/** Writes pieces to a file that is there only when it is whole, or to standard output as fast as it is read. Floor 6. */
import { open, rename, rm } from 'node:fs/promises'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { plain, type Terminal } from '../command-line/terminal.ts'

/** @throws CommandError when the system does not let it be written; what `pieces` throws */
export async function writeWhole(terminal: Terminal, file: string | undefined, pieces: AsyncIterable<string>): Promise<void> {
  if (file === undefined) {
    for await (const piece of pieces) {
      terminal.out(piece)
      await terminal.drained?.()
    }
    return
  }
  const part = `${file}.part`
  const handle = await system(file, () => open(part, 'w', 0o600))
  try {
    // One write a page or so: a write for each record would be most of the work.
    let waiting = ''
    for await (const piece of pieces) {
      waiting += piece
      if (waiting.length < WRITE_CHARACTERS_MIN) continue
      const text = waiting
      waiting = ''
      await system(file, () => handle.writeFile(text))
    }
    await system(file, () => handle.writeFile(waiting))
    await system(file, () => handle.sync())
    await handle.close()
    await system(file, () => rename(part, file))
  } catch (fault) {
    await handle.close().catch(() => undefined)
    await rm(part, { force: true })
    throw fault
  }
}

const WRITE_CHARACTERS_MIN = 262_144

async function system<T>(file: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (fault) {
    const code = typeof fault === 'object' && fault !== null && 'code' in fault ? String(fault.code) : 'unknown fault'
    throw new CommandError(EXIT.fault, `${plain(file)}: cannot be written (${code}).`)
  }
}
