/** Reads a file line by line without holding it, however large it is. Floor 6. */
import { createReadStream } from 'node:fs'
import { AUDIT_LINE_CHARACTERS_MAX } from '../../model/observation-limits.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { plain } from '../command-line/terminal.ts'

/** Lines without their ends. @throws CommandError naming the file */
export async function* linesOfFile(path: string): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
      const pieces = (rest + String(chunk)).split('\n')
      rest = pieces.pop() ?? ''
      for (const piece of pieces) yield piece.endsWith('\r') ? piece.slice(0, -1) : piece
      if (rest.length > AUDIT_LINE_CHARACTERS_MAX) throw new CommandError(EXIT.fault, `${plain(path)}: has a line without an end.`)
    }
  } catch (fault) {
    if (fault instanceof CommandError) throw fault
    const code = typeof fault === 'object' && fault !== null && 'code' in fault ? String(fault.code) : 'unreadable'
    throw new CommandError(EXIT.fault, `${plain(path)}: cannot be read (${code}).`)
  }
  if (rest !== '') yield rest
}
