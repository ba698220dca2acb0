/** Sees to it that the load generators are here, installing what is missing where that may be. Runs no load. */
import { execFileSync } from 'node:child_process'
import { needCommand, runs } from '../../scripts/need-command.mjs'
import { MissingError } from '../workload.ts'

/** gRPC. @throws MissingError */
export function needH2load(): void {
  need('h2load', () => runs('h2load', '--version'), { 'apt-get': 'nghttp2-client', dnf: 'nghttp2', apk: 'nghttp2', brew: 'nghttp2' })
}

/** HTTP/1.1. @throws MissingError */
export function needWrk(): void {
  // It tells its version with an exit code of 1.
  need('wrk', () => works(() => versionOfWrk()), { 'apt-get': 'wrk', dnf: 'wrk', apk: 'wrk', brew: 'wrk' })
}

/** @throws MissingError where the system does not tell how long a process was on a processor */
export function needLinux(): void {
  if (process.platform !== 'linux')
    throw new MissingError('Servers are measured on Linux only: the CPU time of processes is read from /proc.')
}

export function generatorVersions(): Readonly<Record<string, string>> {
  const h2load = works(() => execFileSync('h2load', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  const wrk = works(() => versionOfWrk())
  return {
    ...(h2load === undefined ? {} : { h2load: /nghttp2\/(\S+)/.exec(h2load)?.[1] ?? 'unknown' }),
    ...(wrk === undefined ? {} : { wrk }),
  }
}

function versionOfWrk(): string {
  try {
    execFileSync('wrk', ['-v'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (fault) {
    const told =
      typeof fault === 'object' && fault !== null && 'stdout' in fault
        ? /^wrk (\S+(?: \S*\d\S*)?) \[/.exec(String(fault.stdout))?.[1]
        : undefined
    if (told === undefined) throw fault
    return told
  }
  return 'unknown'
}

function works<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

function need(name: string, present: () => unknown, packages: Readonly<Record<string, string>>): void {
  const fault = needCommand(name, () => present() !== undefined && present() !== false, packages)
  if (fault === undefined) return
  const words = Object.entries(packages).map(([manager, word]) => `${manager}: ${word}`)
  throw new MissingError(`No ${name}: ${fault}. Install it and have it on the PATH (${words.join(', ')}).`)
}
