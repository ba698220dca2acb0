/** Who is at work in a git work tree, and the commit that a folder is exactly at: the origin of what is published from it. Changes nothing. Floor 6. */
import { execFile } from 'node:child_process'
import { GIT_TIMEOUT_MS, REVISION_ORIGIN_CHARACTERS_MAX } from '../model/policy-limits.ts'
import { isPolicyFileName, isVisible } from '../policy/read-directory.ts'

export interface GitOrigin {
  /** `Ann <ann@example.org>`, as git would sign. */
  readonly author?: string
  /** Absent: nothing was committed, or the policy files differ from what was. */
  readonly commit?: string
  /** Policy files that differ from the commit, as git names them. */
  readonly changed: readonly string[]
}

/** What git says is read, never shown in full. */
const ANSWER_BYTES_MAX = 1_048_576

/** @returns nothing where there is no git, or no work tree */
export async function findGitOrigin(folder: string): Promise<GitOrigin | undefined> {
  if ((await git(folder, ['rev-parse', '--is-inside-work-tree']))?.trim() !== 'true') return undefined
  const [name, email, commit, prefix, status] = await Promise.all([
    git(folder, ['config', 'user.name']),
    git(folder, ['config', 'user.email']),
    git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    git(folder, ['rev-parse', '--show-prefix']),
    // Ignored files count: a policy file that git never sees is in no commit either.
    git(folder, ['status', '--porcelain', '-z', '--untracked-files=all', '--ignored', '--', '.']),
  ])
  const author = [name?.trim(), email === undefined ? '' : `<${email.trim()}>`]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
  const changed = status === undefined || prefix === undefined ? undefined : changedPolicyFiles(status, prefix.trimEnd())
  return {
    ...(author === '' ? {} : { author: author.slice(0, REVISION_ORIGIN_CHARACTERS_MAX) }),
    ...(commit === undefined || changed === undefined || changed.length > 0 ? {} : { commit: commit.trim() }),
    changed: changed ?? [],
  }
}

/**
 * Entries are `XY name`; a renamed one is followed by the name that it had.
 * @param prefix of the folder: names are seen from the top of the work tree
 */
function changedPolicyFiles(status: string, prefix: string): readonly string[] {
  const names = status.split('\0').map((entry) => entry.replace(/^.{2} /, ''))
  return names.filter((name) => {
    const steps = name.slice(name.startsWith(prefix) ? prefix.length : 0).split('/')
    return steps.every(isVisible) && isPolicyFileName(steps.at(-1) ?? '')
  })
}

/** What git writes, or nothing when it fails: the origin is a courtesy, and nobody is asked for a password for it. */
function git(folder: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      'git',
      ['-C', folder, '--no-optional-locks', ...args],
      { timeout: GIT_TIMEOUT_MS, maxBuffer: ANSWER_BYTES_MAX, encoding: 'utf8' },
      (fault, out) => resolve(fault === null ? out : undefined),
    )
  })
}
