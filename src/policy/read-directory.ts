/** Reads the policy files below a directory, whole and bounded; follows the links of a mounted ConfigMap. Finds no meaning. Floor 2. */
import { createHash } from 'node:crypto'
import { opendir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  POLICY_BYTES_MAX,
  POLICY_ENTRIES_MAX,
  POLICY_FILE_BYTES_MAX,
  POLICY_FILES_MAX,
  POLICY_FOLDER_DEPTH_MAX,
} from '../model/policy-limits.ts'
import { compareText, type PolicyFault, type PolicyFaultCode } from './faults.ts'
import type { PolicyFile } from './parse-policy.ts'

export interface PolicyFiles {
  /** Sorted by name; names are paths below the directory, with slashes. */
  readonly files: readonly PolicyFile[]
  /** What could not be read. */
  readonly faults: readonly PolicyFault[]
}

/** Times a directory that changes under the reading is read again. */
const READINGS_MAX = 5
const POLICY_FILE = /\.(yaml|yml|json)$/
/** The generated JSON Schema for editors lies beside the policies and is none. */
const SCHEMA_FILE = 'schema.json'

/** True for what is read, by the last part of its path; other files beside the policies are nobody's business. */
export function isPolicyFileName(name: string): boolean {
  return POLICY_FILE.test(name) && isVisible(name)
}

/** False for a file or folder that is passed over with all that is in it. */
export function isVisible(name: string): boolean {
  return !name.startsWith('.') && name !== SCHEMA_FILE && name !== 'node_modules'
}

/** Never throws: what cannot be read is a fault. */
export async function readPolicyDirectory(directory: string): Promise<PolicyFiles> {
  for (let reading = 1; reading <= READINGS_MAX; reading++) {
    const found = await listFiles(directory)
    const read = await readFiles(found)
    const after = await listFiles(directory)
    // A ConfigMap swaps all files at once; a reading half before and half after it would be a policy nobody wrote.
    if (signature(found) === signature(after)) return read
  }
  return { files: [], faults: [fault('.', 'unreadable', 'the files changed all the while they were read')] }
}

/** Equal exactly when names, contents and faults are. */
export function fingerprint({ files, faults }: PolicyFiles): string {
  return createHash('sha256')
    .update(JSON.stringify([files.map((file) => [file.name, file.text]), faults]))
    .digest('hex')
}

interface FoundFile {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Changes when the file is replaced, by whatever link, or written. */
  readonly version: string
}
interface Found {
  readonly files: FoundFile[]
  readonly faults: PolicyFault[]
  /** Names of folders by their real path: links must not multiply what there is to walk. */
  readonly folders: Map<string, string>
  /** Of any kind. */
  entries: number
}

async function listFiles(directory: string): Promise<Found> {
  const found: Found = { files: [], faults: [], folders: new Map(), entries: 0 }
  await walk(directory, '', [], found)
  found.files.sort((a, b) => compareText(a.name, b.name))
  if (found.files.length > POLICY_FILES_MAX) found.faults.push(fault('.', 'too-large', `more than ${POLICY_FILES_MAX} policy files`))
  if (found.entries > POLICY_ENTRIES_MAX)
    found.faults.push(
      fault('.', 'too-large', `more than ${POLICY_ENTRIES_MAX} files and folders of any kind`, 'name the folder of the policy files alone'),
    )
  if (found.files.reduce((sum, file) => sum + file.bytes, 0) > POLICY_BYTES_MAX)
    found.faults.push(fault('.', 'too-large', `the policy files together are larger than ${POLICY_BYTES_MAX} bytes`))
  return found
}

/** @param above real paths of the folders being walked: a link to one of them is a loop */
async function walk(folder: string, prefix: string, above: readonly string[], found: Found): Promise<void> {
  try {
    const real = await realpath(folder)
    if (above.includes(real) || isFull(found)) return
    const name = prefix.slice(0, -1) || '.'
    const known = found.folders.get(real)
    if (known !== undefined) {
      const hint = 'remove the link: what a folder says counts once'
      found.faults.push(fault(name, 'unreadable', `the folder is ${known} under another name`, hint))
      return
    }
    found.folders.set(real, name)
    if (above.length >= POLICY_FOLDER_DEPTH_MAX) {
      found.faults.push(fault(prefix || '.', 'too-deep', `more than ${POLICY_FOLDER_DEPTH_MAX} folders inside each other`))
      return
    }
    for (const entry of await entriesOf(folder, found)) await visit(join(folder, entry), prefix + entry, [...above, real], found)
  } catch (cause) {
    found.faults.push(fault(prefix || '.', 'unreadable', `the folder cannot be read: ${errorCode(cause)}`))
  }
}

function isFull({ files, entries }: Found): boolean {
  return files.length > POLICY_FILES_MAX || entries > POLICY_ENTRIES_MAX
}

/** Sorted; none are named once there are too many. */
async function entriesOf(folder: string, found: Found): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { name } of await opendir(folder)) {
    found.entries += 1
    if (isFull(found)) return []
    if (isVisible(name)) names.push(name)
  }
  return names.sort(compareText)
}

async function visit(path: string, name: string, above: readonly string[], found: Found): Promise<void> {
  try {
    const real = await realpath(path)
    const state = await stat(real, { bigint: true })
    if (state.isDirectory()) await walk(path, `${name}/`, above, found)
    else if (state.isFile() && POLICY_FILE.test(name))
      found.files.push({ name, path: real, bytes: Number(state.size), version: `${real} ${state.ino} ${state.mtimeNs} ${state.size}` })
  } catch (cause) {
    if (POLICY_FILE.test(name)) found.faults.push(fault(name, 'unreadable', `the file cannot be read: ${errorCode(cause)}`))
  }
}

async function readFiles(found: Found): Promise<PolicyFiles> {
  const files: PolicyFile[] = []
  const faults = [...found.faults]
  // Beyond the bounds nothing is read: the bounds are there to keep it out of memory.
  if (faults.some((one) => one.code === 'too-large')) return { files, faults }
  for (const { name, path, bytes } of found.files) {
    if (bytes > POLICY_FILE_BYTES_MAX) {
      faults.push(fault(name, 'too-large', `the file is larger than ${POLICY_FILE_BYTES_MAX} bytes`, 'split it'))
      continue
    }
    try {
      files.push({ name, text: await readFile(path, 'utf8') })
    } catch (cause) {
      faults.push(fault(name, 'unreadable', `the file cannot be read: ${errorCode(cause)}`))
    }
  }
  return { files, faults }
}

function signature({ files, faults }: Found): string {
  return JSON.stringify([files.map((file) => [file.name, file.version]), faults])
}

function fault(file: string, code: PolicyFaultCode, message: string, hint?: string): PolicyFault {
  return { file, line: 1, col: 1, severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) }
}

/** `ENOENT` and the like: says what is wrong without a path of the machine. */
function errorCode(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'unknown error'
}
