/** `castellan codegen`: writes a policy's names as TypeScript, or says that what was written is out of date. Floor 6. */
import { readFile } from 'node:fs/promises'
import { typescriptOf } from '../policy/typescript.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain, type Terminal } from './command-line/terminal.ts'
import { placeFault, writeWithFolders } from './named-place.ts'
import { loadFolder, requireCandidate } from './policy-candidates.ts'

export interface CodegenOptions {
  /** Absent: to standard output. */
  readonly out?: string
  /** Writes nothing. */
  readonly check: boolean
}

/** @throws CommandError (policy fault) for faulty files, (fault) when `check` finds another text */
export async function generateTypescript(terminal: Terminal, directory: string, { out, check }: CodegenOptions): Promise<void> {
  if (check && out === undefined) throw new CommandError(EXIT.usage, '--check needs --out <file>: which file should be up to date?')
  const { bundle, revision } = requireCandidate(terminal, await loadFolder(directory), 'pretty')
  const text = typescriptOf(bundle)
  if (out === undefined) terminal.out(text)
  else if (!check) {
    try {
      await writeWithFolders(out, text, 'w')
    } catch (cause) {
      throw placeFault(`--out: ${out}`, 'written', cause, PLACE)
    }
    terminal.err(
      `wrote ${plain(out)}: permissions ${bundle.permissions.length}, roles ${bundle.roles.length}; revision ${revision.slice(0, 12)}\n`,
    )
  } else if ((await readIfThere(out)) !== text)
    throw new CommandError(
      EXIT.fault,
      `${plain(out)} is not what the policy says now.`,
      `Write it again: castellan codegen ${plain(directory)} --out ${plain(out)}`,
    )
}

const PLACE = 'Name a file in a folder that can be written, such as src/permissions.ts.'

/** A checkout may have turned line ends. */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).replaceAll('\r\n', '\n')
  } catch (cause) {
    if (typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw placeFault(`--out: ${file}`, 'read', cause, PLACE)
  }
}
