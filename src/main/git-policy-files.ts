/** The policy files of a git commit, read from its objects and bounded as a folder is: no checkout is touched, no hook runs. Floor 6. */
import { execFile } from 'node:child_process'
import {
  GIT_LIST_BYTES_MAX,
  GIT_TIMEOUT_MS,
  POLICY_BYTES_MAX,
  POLICY_FILE_BYTES_MAX,
  POLICY_FILES_MAX,
  POLICY_FOLDER_DEPTH_MAX,
} from '../model/policy-limits.ts'
import { compareText, type PolicyFault, type PolicyFaultCode } from '../policy/faults.ts'
import type { PolicyFile } from '../policy/parse-policy.ts'
import { isPolicyFileName, isVisible, type PolicyFiles } from '../policy/read-directory.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain } from './command-line/terminal.ts'

export interface GitPlace {
  /** Branch, tag, commit or expression such as `HEAD~1`. */
  readonly ref: string
  /** Of the policy files, as seen from `directory`. */
  readonly folder: string
  /** Somewhere in the work tree. */
  readonly directory: string
}

export interface GitPolicyFiles extends PolicyFiles {
  /** The whole id of the commit. */
  readonly commit: string
}

/** @throws CommandError when there is no such commit, or no such folder in it; faults of the files are answered */
export async function readGitPolicyFiles({ ref, folder, directory }: GitPlace): Promise<GitPolicyFiles> {
  // git takes it for an option, and some of its options run programs.
  if (ref === '' || ref.startsWith('-')) throw new CommandError(EXIT.usage, `"${plain(ref)}" is no git ref.`)
  const commit = await resolveObject(directory, `${ref}^{commit}`, `There is no git commit "${plain(ref)}" here`)
  const path = folder.replaceAll('\\', '/').replace(/\/+$/, '')
  const inside = path.startsWith('./') || path.startsWith('../') || path === '.' || path === '..' ? path : `./${path}`
  const tree = await resolveObject(
    directory,
    `${commit}:${inside}`,
    `Commit ${commit.slice(0, 12)} has no folder "${plain(folder)}"`,
    'Name the folder as it was then: git:<ref>:<folder>, or --path <folder>.',
  )
  const listed = await listTree(directory, tree)
  const contents = await readBlobs(
    directory,
    listed.blobs.map((blob) => blob.id),
  )
  const files = listed.blobs.map(({ name }, index): PolicyFile => ({ name, text: contents[index] ?? '' }))
  return { commit, files: files.sort((a, b) => compareText(a.name, b.name)), faults: listed.faults }
}

interface Blob {
  readonly name: string
  readonly id: string
  readonly bytes: number
}

async function resolveObject(directory: string, expression: string, message: string, hint?: string): Promise<string> {
  try {
    const answer = await git(directory, ['rev-parse', '--verify', '--quiet', '--end-of-options', expression], 1_024)
    return answer.toString('utf8').trim()
  } catch (fault) {
    throw new CommandError(EXIT.usage, `${message}${reasonOf(fault)}.`, hint)
  }
}

/** Names, sizes and kinds are known before anything is read. */
async function listTree(
  directory: string,
  tree: string,
): Promise<{ readonly blobs: readonly Blob[]; readonly faults: readonly PolicyFault[] }> {
  const faults: PolicyFault[] = []
  let blobs: Blob[] = []
  const list = await run(directory, ['ls-tree', '-r', '-z', '-l', '--full-tree', tree], GIT_LIST_BYTES_MAX)
  for (const line of list.toString('utf8').split('\0')) {
    const entry = /^(?<mode>\d+) (?<type>\w+) (?<id>[0-9a-f]+) +(?<bytes>\d+|-)\t(?<name>.*)$/s.exec(line)?.groups
    const { mode = '', type = '', id = '', bytes = '0', name = '' } = entry ?? {}
    const folders = name.split('/')
    if (name === '' || !folders.every(isVisible)) continue
    // Whatever its name: it may be a folder of policies, which would be missing without a word.
    if (mode === '120000')
      faults.push(fault(name, 'unreadable', 'the file is a link, which a commit does not follow', 'commit what it leads to in its place'))
    else if (type === 'commit')
      faults.push(
        fault(name, 'unreadable', 'the folder is a submodule, whose files are not in this commit', 'commit its policy files here'),
      )
    else if (type !== 'blob' || !isPolicyFileName(folders.at(-1) ?? '')) continue
    else if (folders.length > POLICY_FOLDER_DEPTH_MAX)
      faults.push(fault(name, 'too-deep', `more than ${POLICY_FOLDER_DEPTH_MAX} folders inside each other`))
    else if (Number(bytes) > POLICY_FILE_BYTES_MAX)
      faults.push(fault(name, 'too-large', `the file is larger than ${POLICY_FILE_BYTES_MAX} bytes`, 'split it'))
    else blobs.push({ name, id, bytes: Number(bytes) })
  }
  const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0)
  if (blobs.length > POLICY_FILES_MAX) faults.push(fault('.', 'too-large', `more than ${POLICY_FILES_MAX} policy files`))
  if (bytes > POLICY_BYTES_MAX) faults.push(fault('.', 'too-large', `the policy files together are larger than ${POLICY_BYTES_MAX} bytes`))
  // Beyond the bounds nothing is read: the bounds are there to keep it out of memory.
  if (faults.some((one) => one.file === '.')) blobs = []
  return { blobs, faults }
}

/** In the order of `ids`. */
async function readBlobs(directory: string, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const answer = await run(directory, ['cat-file', '--batch'], POLICY_BYTES_MAX + 128 * ids.length, `${ids.join('\n')}\n`)
  const texts: string[] = []
  let position = 0
  // `<id> blob <bytes>\n<content>\n`, once for each.
  for (const id of ids) {
    const end = answer.indexOf(10, position)
    const header = answer.toString('latin1', position, end).split(' ')
    const bytes = Number(header[2])
    if (end === -1 || header[0] !== id || !Number.isSafeInteger(bytes))
      throw new CommandError(EXIT.fault, 'git did not hand out the policy files.')
    texts.push(answer.toString('utf8', end + 1, end + 1 + bytes))
    position = end + 1 + bytes + 1
  }
  return texts
}

async function run(directory: string, args: readonly string[], bytesMax: number, input?: string): Promise<Buffer> {
  try {
    return await git(directory, args, bytesMax, input)
  } catch (fault) {
    throw new CommandError(EXIT.fault, `git ${args[0]} failed${reasonOf(fault)}.`)
  }
}

/** Arguments as a list and no shell: nothing in a ref or a folder is ever run. */
function git(directory: string, args: readonly string[], bytesMax: number, input?: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      ['-C', directory, ...args],
      { encoding: 'buffer', maxBuffer: bytesMax, timeout: GIT_TIMEOUT_MS, windowsHide: true },
      (fault, stdout, stderr) => {
        if (fault === null) resolve(stdout)
        else reject(new GitFault(stderr.toString('utf8').trim(), fault))
      },
    )
    // A git that ends early does not read on; how it ended says why.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
}

class GitFault extends Error {
  readonly words: string
  constructor(words: string, cause: Error) {
    super('git failed', { cause })
    this.words = words
  }
}

function reasonOf(fault: unknown): string {
  if (!(fault instanceof GitFault)) return ''
  const { cause, words } = fault
  if (typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT') return ': git is not installed'
  return words === '' ? '' : `: ${plain(words.slice(0, 500))}`
}

function fault(file: string, code: PolicyFaultCode, message: string, hint?: string): PolicyFault {
  return { file, line: 1, col: 1, severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) }
}
