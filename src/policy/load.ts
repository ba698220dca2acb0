/** The policy in force, from a directory that may change: read, compiled beside, archived, then swapped whole. Floor 2. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { PolicyStatus } from '../model/administration.ts'
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import type { PolicyBundle } from '../model/policy.ts'
import { canonicalJson, parseCanonical, revisionOf } from './canonical.ts'
import { compilePolicy } from './compile.ts'
import { formatFault, isError, PolicyError, type PolicyFault } from './faults.ts'
import { type PolicyReading, parsePolicy } from './parse-policy.ts'
import { fingerprint, readPolicyDirectory } from './read-directory.ts'

/** Where revisions outlive the process, for the day on which the files are broken. */
export interface RevisionArchive {
  /**
   * Keeps the revision and records that it is in force; the same one again changes nothing.
   * @param source where it came from, for the record
   */
  activate(compiled: { readonly revision: string; readonly content: string }, source: string): Promise<void>
  /** The one activated last. */
  findLast(): Promise<{ readonly revision: string; readonly content: string } | undefined>
}

export interface PolicyDirectory extends PolicySource {
  status(): PolicyStatus
  /**
   * Reads now, whatever the timer does. `refused`: what lies there is broken, or could not be archived, and the last good one stays.
   * Calls wait for each other; never throws.
   */
  reload(): Promise<'unchanged' | 'swapped' | 'refused'>
  /** Stops watching and waits for a reading that is under way. */
  close(): Promise<void>
}

export interface PolicyDirectoryNeeds {
  readonly directory: string
  readonly archive: RevisionArchive
  readonly clock: Clock
  readonly log: Log
  /** Between two looks at the contents; absent: 2 s. */
  readonly intervalMs?: number
}

/** Watchers miss the second swap of a ConfigMap's links, so contents are compared instead of events awaited. */
const INTERVAL_MS_DEFAULT = 2_000

/** Reads a directory once: what `policy validate` and `policy test` look at. */
export async function loadPolicy(directory: string): Promise<PolicyReading> {
  const { files, faults } = await readPolicyDirectory(directory)
  return parsePolicy(files, faults)
}

/**
 * @throws PolicyError when the files are broken and no revision is archived, or that one is damaged
 * @throws whatever the archive throws: nothing is served that could not be kept
 */
export async function openPolicyDirectory(needs: PolicyDirectoryNeeds): Promise<PolicyDirectory> {
  const read = await readPolicyDirectory(needs.directory)
  const reading = parsePolicy(read.files, read.faults)
  let inForce: InForce
  if (reading.bundle === undefined) inForce = { ...(await restore(needs, reading.faults)), faults: errorLines(reading.faults) }
  else {
    const policy = compilePolicy(reading.bundle)
    await needs.archive.activate({ revision: policy.revision, content: canonicalJson(policy.bundle) }, needs.directory)
    inForce = { policy, source: 'directory', loadedAtMs: needs.clock.nowMs(), faults: [] }
    logWarnings(needs.log, reading.faults)
  }
  return new WatchedDirectory(needs, inForce, fingerprint(read))
}

interface InForce {
  readonly policy: CompiledPolicy
  readonly source: 'directory' | 'stored'
  readonly loadedAtMs: number
  /** Of newer files that were refused. */
  readonly faults: readonly string[]
}

async function restore(needs: PolicyDirectoryNeeds, faults: readonly PolicyFault[]): Promise<Omit<InForce, 'faults'>> {
  const stored = await needs.archive.findLast()
  if (stored === undefined) throw new PolicyError(faults)
  if (revisionOf(stored.content) !== stored.revision)
    throw new PolicyError([
      ...faults,
      {
        file: 'stored revision',
        line: 1,
        col: 1,
        severity: 'error',
        code: 'unreadable',
        message: `its content is not what ${stored.revision} was taken over`,
      },
    ])
  const policy = compilePolicy(parseCanonical(stored.content))
  needs.log.error(
    { revision: stored.revision, faults: errorLines(faults) },
    'policy files refused; the last good revision is served from the store',
  )
  return { policy, source: 'stored', loadedAtMs: needs.clock.nowMs() }
}

class WatchedDirectory implements PolicyDirectory {
  readonly #needs: PolicyDirectoryNeeds
  readonly #timer: NodeJS.Timeout
  #inForce: InForce
  /** Contents that were dealt with to the end; only others are looked at. */
  #settled: string
  #archiveFailed: string | undefined
  #running: Promise<unknown> = Promise.resolve()
  #busy = 0

  constructor(needs: PolicyDirectoryNeeds, inForce: InForce, settled: string) {
    this.#needs = needs
    this.#inForce = inForce
    this.#settled = settled
    this.#timer = setInterval(() => {
      if (this.#busy === 0) void this.reload()
    }, needs.intervalMs ?? INTERVAL_MS_DEFAULT)
    this.#timer.unref()
  }

  current(): CompiledPolicy {
    return this.#inForce.policy
  }

  status(): PolicyStatus {
    const { policy, source, loadedAtMs, faults } = this.#inForce
    return {
      revision: policy.revision,
      loadedAtMs,
      source,
      permissions: policy.bundle.permissions.length,
      roles: policy.bundle.roles.length,
      faults,
    }
  }

  reload(): Promise<'unchanged' | 'swapped' | 'refused'> {
    this.#busy++
    const next = this.#running.then(() => this.#reloadOnce())
    this.#running = next.finally(() => {
      this.#busy--
    })
    return next
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async #reloadOnce(): Promise<'unchanged' | 'swapped' | 'refused'> {
    try {
      const read = await readPolicyDirectory(this.#needs.directory)
      const contents = fingerprint(read)
      if (contents === this.#settled) return this.#inForce.faults.length > 0 ? 'refused' : 'unchanged'
      const reading = parsePolicy(read.files, read.faults)
      if (reading.bundle === undefined) return this.#refuse(contents, errorLines(reading.faults))
      logWarnings(this.#needs.log, reading.faults)
      const policy = tryCompile(reading.bundle)
      return policy instanceof PolicyError ? this.#refuse(contents, errorLines(policy.faults)) : await this.#take(contents, policy)
    } catch (cause) {
      this.#needs.log.error({ err: cause }, 'policy files could not be looked at; the last good revision stays in force')
      return 'refused'
    }
  }

  #refuse(contents: string, faults: readonly string[]): 'refused' {
    this.#settled = contents
    this.#inForce = { ...this.#inForce, faults }
    this.#needs.log.error(
      { faults, revision: this.#inForce.policy.revision },
      'policy files refused; the last good revision stays in force',
    )
    return 'refused'
  }

  /** The new bundle takes force only once it is archived: what decides now must be there after a restart, too. */
  async #take(contents: string, policy: CompiledPolicy): Promise<'unchanged' | 'swapped' | 'refused'> {
    const { archive, directory, clock, log } = this.#needs
    const before = this.#inForce
    if (policy.revision !== before.policy.revision) {
      try {
        await archive.activate({ revision: policy.revision, content: canonicalJson(policy.bundle) }, directory)
      } catch (cause) {
        // Not settled: tried again at the next look. Said once a revision, not every two seconds.
        if (this.#archiveFailed !== policy.revision)
          log.error(
            { err: cause, revision: policy.revision },
            'policy revision could not be archived; the old one stays in force and this is tried again',
          )
        this.#archiveFailed = policy.revision
        this.#inForce = { ...before, faults: [`revision ${policy.revision} is good but could not be archived yet; it is tried again`] }
        return 'refused'
      }
    }
    this.#settled = contents
    this.#archiveFailed = undefined
    if (policy.revision === before.policy.revision) {
      this.#inForce = { ...before, source: 'directory', faults: [] }
      return 'unchanged'
    }
    this.#inForce = { policy, source: 'directory', loadedAtMs: clock.nowMs(), faults: [] }
    log.info({ revision: policy.revision, before: before.policy.revision }, 'policy revision in force')
    return 'swapped'
  }
}

function tryCompile(bundle: PolicyBundle): CompiledPolicy | PolicyError {
  try {
    return compilePolicy(bundle)
  } catch (cause) {
    if (cause instanceof PolicyError) return cause
    throw cause
  }
}

function logWarnings(log: Log, faults: readonly PolicyFault[]): void {
  const warnings = faults.filter((fault) => !isError(fault)).map(formatFault)
  if (warnings.length > 0) log.warn({ warnings }, 'policy files have warnings')
}

function errorLines(faults: readonly PolicyFault[]): readonly string[] {
  return faults.filter(isError).map(formatFault)
}
