/** Finds the policy that a command names: a folder, a revision of the service, a commit of git. Judges none. Floor 6. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { PolicyBundle } from '../model/policy.ts'
import { REVISION_PREFIX_CHARACTERS_MIN } from '../model/policy-limits.ts'
import { canonicalJson, parseCanonical, revisionOf } from '../policy/canonical.ts'
import { PolicyError, type PolicyFault } from '../policy/faults.ts'
import { type PolicyFile, type PolicyReading, parsePolicy } from '../policy/parse-policy.ts'
import { readPolicyDirectory } from '../policy/read-directory.ts'
import { POLICY_FOLDER_DEFAULT } from './command-line/default-folder.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { path, type ServiceClient } from './command-line/service-client.ts'
import { plain, type Terminal } from './command-line/terminal.ts'
import { readGitPolicyFiles } from './git-policy-files.ts'
import { faultsJson, policyRefusal, writeFaults } from './policy-refusal.ts'

/** Files that nobody may have published yet; `reading.bundle` is absent when they are faulty. */
export interface CandidateFiles {
  readonly kind: 'files'
  /** What it is, for people: a folder, or a commit and its folder. */
  readonly label: string
  /** As they lie there, also faulty ones. */
  readonly files: readonly PolicyFile[]
  readonly reading: PolicyReading
}

/** A revision that the service keeps. */
export interface CandidateRevision {
  readonly kind: 'revision'
  readonly label: string
  readonly revision: string
  readonly bundle: PolicyBundle
}

export interface CandidateNeeds {
  /** Folder of the policy files in a commit that is named without one. */
  readonly path: string
  /** Asked only when a revision is wanted. */
  readonly client: () => Promise<ServiceClient>
  /** From where folders and git are seen; absent: where the process is. */
  readonly directory?: string
}

const REVISION = new RegExp(`^[0-9a-f]{${REVISION_PREFIX_CHARACTERS_MIN},64}$`)
const TAKEN = `${POLICY_FOLDER_DEFAULT} is taken when none is named.`
const REFS =
  'Name a branch, tag or commit that is here, as in git:main or git:HEAD~1:policies. A shallow clone has few: fetch what is missing, or all (fetch-depth: 0).'
/** Words that mean something else than a folder: a folder so named must not be taken for that, nor that for it. */
const RESERVED = new RegExp(`^active$|^git:|${REVISION.source}`)
const FORMS = 'Name a folder, a revision (active, or 8 hex digits and more), or a git ref (main, git:main, git:HEAD~1:policies).'

/**
 * @param what a folder; `active` or a revision or its prefix; `git:ref` or `git:ref:folder`; any other word is tried as a git ref
 * @throws CommandError when there is no such thing; faults of files are answered
 */
export async function loadCandidate(what: string, needs: CandidateNeeds): Promise<CandidateFiles | CandidateRevision> {
  if (RESERVED.test(what) && (await isFolder(needs.directory, what)))
    throw new CommandError(
      EXIT.usage,
      `"${plain(what)}" is a folder here, and the name of something else too.`,
      `For the folder say ./${plain(what)}; for the other, look from elsewhere or say it in full.`,
    )
  if (what.startsWith('git:')) {
    const [ref = '', ...folder] = what.slice('git:'.length).split(':')
    return await loadFromGit(ref, folder.length === 0 ? needs.path : folder.join(':'), needs).catch(hinted)
  }
  if (what === 'active') return await loadRevision(what, needs)
  if (await isFolder(needs.directory, what)) return await loadFolder(what, needs.directory)
  if (REVISION.test(what)) return await loadRevision(what, needs)
  try {
    return await loadFromGit(what, needs.path, needs)
  } catch (fault) {
    if (!(fault instanceof CommandError) || fault.exitCode !== EXIT.usage || fault.hint !== undefined) throw fault
    const taken = what === POLICY_FOLDER_DEFAULT ? `${TAKEN} ` : ''
    throw new CommandError(EXIT.usage, `There is no folder and no git ref "${plain(what)}".`, `${taken}${FORMS}`)
  }
}

/** A folder with its files as they are. A folder that is not there is a fault of the reading. */
export async function loadFolder(folder: string, directory?: string): Promise<CandidateFiles> {
  if (await isNowhere(within(directory, folder)))
    return { kind: 'files', label: folder, files: [], reading: parsePolicy([], [noFolder(folder)]) }
  const { files, faults } = await readPolicyDirectory(within(directory, folder))
  return { kind: 'files', label: folder, files, reading: parsePolicy(files, faults) }
}

/**
 * Writes every fault of faulty files to standard error; to whoever asked for JSON, also as the answer.
 * @throws CommandError (policy fault) then
 */
export function requireCandidate(
  terminal: Terminal,
  candidate: CandidateFiles | CandidateRevision,
  form: 'pretty' | 'json' | 'markdown',
): { readonly bundle: PolicyBundle; readonly revision: string } {
  if (candidate.kind === 'revision') return { bundle: candidate.bundle, revision: candidate.revision }
  const { bundle, faults } = candidate.reading
  if (bundle !== undefined) return { bundle, revision: revisionOf(canonicalJson(bundle)) }
  if (form === 'json') terminal.out(faultsJson(faults))
  writeFaults(terminal, faults)
  throw policyRefusal(faults, candidate.label)
}

async function loadFromGit(ref: string, folder: string, needs: CandidateNeeds): Promise<CandidateFiles> {
  const { commit, files, faults } = await readGitPolicyFiles({ ref, folder, directory: needs.directory ?? '.' })
  return { kind: 'files', label: `${ref}:${folder} (commit ${commit.slice(0, 12)})`, files, reading: parsePolicy(files, faults) }
}

/** A ref that is none says what one is. */
function hinted(fault: unknown): never {
  if (fault instanceof CommandError && fault.exitCode === EXIT.usage && fault.hint === undefined)
    throw new CommandError(EXIT.usage, fault.message, REFS)
  throw fault
}

async function loadRevision(what: string, { client }: CandidateNeeds): Promise<CandidateRevision> {
  const answer = await (await client()).call('GET', path('policy', 'revisions', what))
  const bundle = readBundle(answer['bundle'])
  const revision = revisionOf(canonicalJson(bundle))
  return { kind: 'revision', label: what === 'active' ? 'active' : `revision ${revision.slice(0, 12)}`, revision, bundle }
}

function readBundle(bundle: unknown): PolicyBundle {
  try {
    return parseCanonical(JSON.stringify(bundle ?? null))
  } catch (fault) {
    if (fault instanceof PolicyError)
      throw new CommandError(EXIT.fault, 'The service answered no policy bundle.', 'Is it older or newer than this command line?')
    throw fault
  }
}

async function isFolder(directory: string | undefined, folder: string): Promise<boolean> {
  try {
    return (await stat(within(directory, folder))).isDirectory()
  } catch {
    return false
  }
}

async function isNowhere(folder: string): Promise<boolean> {
  try {
    return !(await stat(folder)).isDirectory()
  } catch (cause) {
    return typeof cause === 'object' && cause !== null && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
  }
}

/** In the words of whoever typed the name: the reading knows no more than that it failed. */
function noFolder(folder: string): PolicyFault {
  const hint =
    folder === POLICY_FOLDER_DEFAULT
      ? `${TAKEN} Name another, or write one to begin with: castellan init`
      : 'name the folder of the policy files, or write one to begin with: castellan init <folder>'
  return { file: '.', line: 1, col: 1, severity: 'error', code: 'unreadable', message: `there is no folder "${folder}"`, hint }
}

function within(directory: string | undefined, folder: string): string {
  return directory === undefined ? folder : resolve(directory, folder)
}
