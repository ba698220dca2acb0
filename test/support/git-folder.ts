/** A git repository in a folder of its own, with no settings of this machine. */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface GitFolder {
  readonly directory: string
  /** Writes files by their paths below the folder. */
  write(files: Readonly<Record<string, string>>): Promise<void>
  git(...args: readonly string[]): string
  /** All files as they are; answers the commit. */
  commit(message: string): string
  close(): Promise<void>
}

export async function openGitFolder(): Promise<GitFolder> {
  const directory = await mkdtemp(join(tmpdir(), 'castellan-git-'))
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', directory, ...args], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: directory,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'ann',
        GIT_AUTHOR_EMAIL: 'ann@example.org',
        GIT_COMMITTER_NAME: 'ann',
        GIT_COMMITTER_EMAIL: 'ann@example.org',
      },
    }).trim()
  git('init', '--quiet', '--initial-branch=main')
  return {
    directory,
    git,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(directory, name)), { recursive: true })
        await writeFile(join(directory, name), text)
      }
    },
    commit(message) {
      git('add', '--all')
      git('commit', '--quiet', '--message', message)
      return git('rev-parse', 'HEAD')
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}
