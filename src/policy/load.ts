/** A directory of policy files that may change: read, compiled, proposed. What takes force, and when, the feed says (see in-force.ts). Floor 2. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { PolicyStatus } from '../model/administration.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PolicyBundle } from '../model/policy.ts'
import { canonicalText } from './canonical.ts'
import { compilePolicy } from './compile.ts'
import { formatFault, isError, PolicyError, type PolicyFault } from './faults.ts'
import type { PolicyInForce } from './in-force.ts'
import { type PolicyReading, parsePolicy } from './parse-policy.ts'
import { fingerprint, readPolicyDirectory } from './read-directory.ts'

export interface PolicyDirectory {
  /** @throws StoreError while no policy is in force, as after a restore of the database */
  status(): PolicyStatus
  /**
   * Reads now, whatever the timer does. `refused`: what lies there is broken, or could not be activated, and the last good one stays.
   * Calls wait for each other; never throws.
   */
  reload(): Promise<'unchanged' | 'swapped' | 'refused'>
  /** Stops watching and waits for a reading that is under way. */
  close(): Promise<void>
}

export interface PolicyDirectoryNeeds {
  readonly directory: string
  readonly inForce: PolicyInForce
  /**
   * Keeps the revision and puts it in force on all replicas; the same one again changes nothing. Resolves when it is, or was: by then
   * somebody else may have put another one in force.
   * @param source where it came from, for the record
   */
  readonly propose: (compiled: { readonly revision: string; readonly content: string }, source: string) => Promise<void>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Log
  /** Between two looks at the contents; absent: 2 s. */
  readonly intervalMs?: number
}

/** Watchers miss the second swap of a ConfigMap's links, so contents are compared instead of events awaited. */
const INTERVAL_MS_DEFAULT = 2_000

/** Reads a directory once, and watches nothing. */
export async function loadPolicy(directory: string): Promise<PolicyReading> {
  const { files, faults } = await readPolicyDirectory(directory)
  return parsePolicy(files, faults)
}

/** What lies in a directory at the start, before anything is known of what is in force. */
export interface PolicyFiles {
  /** Fingerprint of the contents. */
  readonly contents: string
  /** Absent when they are broken. */
  readonly policy: CompiledPolicy | undefined
  readonly faults: readonly PolicyFault[]
}

/** @throws PolicyError when files that can be read make no policy */
export async function readPolicyFiles(directory: string): Promise<PolicyFiles> {
  const read = await readPolicyDirectory(directory)
  const { bundle, faults } = parsePolicy(read.files, read.faults)
  return { contents: fingerprint(read), policy: bundle === undefined ? undefined : compilePolicy(bundle), faults }
}

/**
 * Good files are in force when it resolves, unless somebody put others in force at the same time.
 * @param files as they were found there
 * @throws PolicyError when the files are broken and no revision is in force
 * @throws whatever `propose` throws: nothing is served that could not be kept
 */
export async function openPolicyDirectory(needs: PolicyDirectoryNeeds, files: PolicyFiles): Promise<PolicyDirectory> {
  const { contents: settled, policy } = files
  if (policy === undefined) {
    const { revision } = needs.inForce
    if (revision === undefined) throw new PolicyError(files.faults)
    const faults = errorLines(files.faults)
    needs.log.error({ revision, faults }, 'policy files refused; the last good revision is served from the store')
    return new WatchedDirectory(needs, { settled, good: undefined, faults })
  }
  logWarnings(needs.log, files.faults)
  await proposeUnlessInForce(needs, policy)
  return new WatchedDirectory(needs, { settled, good: policy.revision, faults: [] })
}

async function proposeUnlessInForce({ inForce, propose, directory }: PolicyDirectoryNeeds, policy: CompiledPolicy): Promise<void> {
  inForce.offer(policy)
  if (policy.revision === inForce.revision) return
  await propose({ revision: policy.revision, content: canonicalText(policy.bundle) }, directory)
}

interface Start {
  readonly settled: string
  readonly good: string | undefined
  readonly faults: readonly string[]
}

/**
 * Replicas may have different files for a while, as in a rolling update. Each proposes its own when it starts and when they change, and
 * never again only because another revision took force since: the last start or change wins, and replicas do not take turns.
 */
class WatchedDirectory implements PolicyDirectory {
  readonly #needs: PolicyDirectoryNeeds
  readonly #timer: NodeJS.Timeout
  /** Contents that were dealt with to the end; only others are looked at. */
  #settled: string
  /** Revision of the last good files here: it was in force, or was found so. */
  #good: string | undefined
  /** Good files that are on their way into force. */
  #proposed: string | undefined
  /** Of newer files that were refused. */
  #faults: readonly string[]
  /** When what is in force took force in this process. */
  #loadedAtMs: number
  #running: Promise<unknown> = Promise.resolve()
  #busy = 0

  constructor(needs: PolicyDirectoryNeeds, start: Start) {
    this.#needs = needs
    this.#settled = start.settled
    this.#good = start.good
    this.#faults = start.faults
    this.#loadedAtMs = needs.clock.nowMs()
    needs.inForce.onAdopted((policy, before) => this.#adopted(policy, before))
    this.#timer = setInterval(() => {
      if (this.#busy === 0) void this.reload()
    }, needs.intervalMs ?? INTERVAL_MS_DEFAULT)
    this.#timer.unref()
  }

  status(): PolicyStatus {
    const { revision, bundle } = this.#needs.inForce.current()
    const isOurs = this.#isOurs(revision)
    const superseded = `revision ${this.#good} of the files here is not in force: ${revision} was activated after it`
    return {
      revision,
      loadedAtMs: this.#loadedAtMs,
      source: isOurs ? 'directory' : 'stored',
      permissions: bundle.permissions.length,
      roles: bundle.roles.length,
      faults: isOurs || this.#good === undefined || this.#faults.length > 0 ? this.#faults : [superseded],
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

  #isOurs(revision: string): boolean {
    return revision === this.#good || revision === this.#proposed
  }

  #adopted({ revision }: CompiledPolicy, before: string | undefined): void {
    this.#loadedAtMs = this.#needs.clock.nowMs()
    this.#needs.log.info({ revision, before, source: this.#isOurs(revision) ? 'directory' : 'stored' }, 'policy revision in force')
  }

  async #reloadOnce(): Promise<'unchanged' | 'swapped' | 'refused'> {
    try {
      const read = await readPolicyDirectory(this.#needs.directory)
      const contents = fingerprint(read)
      if (contents === this.#settled) return this.#faults.length > 0 ? 'refused' : 'unchanged'
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
    this.#faults = faults
    this.#proposed = undefined
    this.#needs.log.error({ faults, revision: this.#needs.inForce.revision }, 'policy files refused; the last good revision stays in force')
    return 'refused'
  }

  async #take(contents: string, policy: CompiledPolicy): Promise<'unchanged' | 'swapped' | 'refused'> {
    const { inForce, log } = this.#needs
    const before = inForce.revision
    const { revision } = policy
    const isAgain = this.#proposed === revision
    this.#proposed = revision
    try {
      await proposeUnlessInForce(this.#needs, policy)
    } catch (cause) {
      // Not settled: tried again at the next look. Said once a revision, not every two seconds.
      if (!isAgain)
        log.error({ err: cause, revision }, 'policy revision could not be activated; the old one stays in force and this is tried again')
      this.#faults = [`revision ${revision} is good but could not be activated yet; it is tried again`]
      return 'refused'
    }
    this.#settled = contents
    this.#good = revision
    this.#proposed = undefined
    this.#faults = []
    return revision !== before && inForce.revision === revision ? 'swapped' : 'unchanged'
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
