/** `castellan init`: writes a policy folder to begin with, and a workflow beside it. Overwrites nothing, starts nothing, and writes nothing outside but the workflow. Floor 6. */
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { CommandError, EXIT } from './command-line/exit.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'
import { type InitFile, policyStarterFiles, workflowStarterFile } from './init-files.ts'
import { placeFault, writeWithFolders } from './named-place.ts'

/** @throws CommandError (fault) naming what is there, before anything is written */
export async function initPolicies(terminal: Terminal, folder: string): Promise<void> {
  const root = resolve(folder)
  const repository = await findRepository(root)
  const files = policyStarterFiles().map((file) => within(root, file))
  if (repository !== undefined) files.push(within(repository, workflowStarterFile(relative(repository, root).split(sep).join('/') || '.')))
  await refuseWhatIsThere(root, files)
  for (const { path, text } of files) {
    try {
      // Fails when somebody else wrote it meanwhile.
      await writeWithFolders(path, text, 'wx')
    } catch (cause) {
      throw placeFault(shown(path), 'written', cause, 'Name a folder that can be made, or written: castellan init <folder>.')
    }
    terminal.out(`wrote ${plain(shown(path))}\n`)
  }
  if (repository === undefined) terminal.out(NO_WORKFLOW)
  const policies = plain(shellWord(folder))
  terminal.out(`
${paint(terminal, 'bold', 'Next:')}
  castellan policy validate ${policies}   are the files in order?
  castellan policy test ${policies}       do they say what they should?
  castellan policy lint ${policies}       is anything untidy?
  CASTELLAN_POLICIES=${policies} castellan dev   a service that goes by them, and reads them again when they change
Then make them yours: catalogue.yaml first. Editors complete and check them by schema.json.
`)
}

const NO_WORKFLOW = 'No workflow was written: the folder is in no git repository, and workflows are looked for nowhere else.\n'

/** One word of a shell, to be copied from a terminal and run. */
function shellWord(text: string): string {
  const operand = text.startsWith('-') ? `./${text}` : text
  return /^[\w@%+=:,./-]+$/.test(operand) ? operand : `'${operand.replaceAll("'", "'\\''")}'`
}

interface PlacedFile {
  readonly path: string
  readonly text: string
}

function within(folder: string, { name, text }: InitFile): PlacedFile {
  return { path: join(folder, ...name.split('/')), text }
}

/** A folder with policy files of its own would become another policy by ours. Git's own folder is nobody's file. */
async function refuseWhatIsThere(root: string, files: readonly PlacedFile[]): Promise<void> {
  const there: string[] = []
  for (const { path } of files) if (await exists(path)) there.push(path)
  for (const name of await listFolder(root)) if (name !== GIT && !there.includes(join(root, name))) there.push(join(root, name))
  if (there.length === 0) return
  const lines = there.slice(0, SHOWN_MAX).map((path) => `  ${plain(shown(path))}`)
  if (there.length > SHOWN_MAX) lines.push(`  … and ${there.length - SHOWN_MAX} more`)
  throw new CommandError(EXIT.fault, `Nothing was written, for this is there already:\n${lines.join('\n')}`, HINT)
}

const GIT = '.git'
const HINT = 'Name a folder that is new or empty: castellan init <folder>. A workflow of that name is not replaced either.'
/** Lines of what is there: enough to see that the folder is in use. */
const SHOWN_MAX = 20

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    if (isMissing(cause)) return []
    throw cause
  }
}

/** Also a link to nowhere: writing would go to where it leads. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (cause) {
    if (isMissing(cause)) return false
    throw cause
  }
}

/** Below a file there is nothing either: the writing says so. */
function isMissing(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
}

/** The nearest folder above that is a repository: workflows are looked for there only. */
async function findRepository(folder: string): Promise<string | undefined> {
  for (let above = folder; ; above = dirname(above)) {
    if (await exists(join(above, GIT))) return above
    if (dirname(above) === above) return undefined
  }
}

function shown(path: string): string {
  const near = relative('.', path)
  return near.startsWith('..') ? path : near
}
