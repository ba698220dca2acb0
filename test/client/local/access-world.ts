/** A small service in process: changes with their moments, replicas that learn of them late, and lines that delay, freeze and break. Time is the test's. */

import type { Asker } from '../../../src/client/asking/asker.ts'
import type { Decision } from '../../../src/client/client.ts'
import { UnavailableError } from '../../../src/client/errors.ts'
import type { AccessListener, AccessWatch, AccessWire, LoadedAccess, WatchedFrom } from '../../../src/client/wires/access-wire.ts'
import type { AccessChange, AccessEvent } from '../../../src/model/access-event.ts'
import { fingerprintOf } from '../../../src/model/fingerprint.ts'
import { FRESHNESS_BOUND_MS } from '../../../src/model/limits.ts'
import { canonicalBundle, canonicalText, revisionOf } from '../../../src/policy/canonical.ts'
import { readPolicy } from '../../decision/random-policy.ts'
import { ManualClock } from '../../support/manual-clock.ts'

export const TENANT = 't'
export const PERMISSION = 'a.p0'
export const RISKY = 'a.p1'
/** The end of the assignment tells which version of it an answer was made from. */
const FAR_MS = 4_000_000_000_000

export interface Commit {
  readonly position: number
  readonly atMs: number
  readonly of: { readonly user: string } | { readonly tenant: string } | { readonly revision: string }
}

interface Replica {
  known: number
  /** When it read the database for that. */
  readAtMs: number
}

interface Line {
  readonly replica: Replica
  readonly listener: AccessListener
  /** Infinite until the watcher said from where. */
  cursor: number
  /** Undefined until then. */
  incarnation: string | undefined
  open: boolean
  /** Nothing arrives before this, so that nothing overtakes. */
  upMs: number
  downMs: number
}

/** The wall clock goes on while the machine is suspended, the monotonic one does not. */
export class SuspendableClock extends ManualClock {
  #suspendedMs = 0
  override nowMs(): number {
    return super.nowMs() + this.#suspendedMs
  }
  suspend(ms: number): void {
    this.#suspendedMs += ms
  }
  /** What a machine that was not suspended has seen pass. */
  get realMs(): number {
    return super.nowMs() + this.#suspendedMs
  }
}

function bundleText(extra: readonly string[], risky: readonly string[] = [RISKY]): string {
  const permissions = Object.fromEntries(
    [PERMISSION, RISKY, 'a.p2'].map((name, index) => [
      name,
      { code: `c.${index}`, title: name, attributes: { by: 'string' }, ...(risky.includes(name) ? { risk: 'high' } : {}) },
    ]),
  )
  const { bundle, faults } = readPolicy({
    catalogue: { apiVersion: 'castellan/v1', kind: 'PermissionCatalogue', metadata: { service: 's', owner: 'o' }, permissions },
    roles: { r0: { title: 'R', permissions: [PERMISSION, RISKY, ...extra] } },
    constraints: [],
  })
  if (bundle === undefined) throw new Error(JSON.stringify(faults))
  return canonicalText(canonicalBundle(bundle))
}

/** By the third one all is of high risk. */
const TEXTS = [bundleText([]), bundleText(['a.p2']), bundleText([], [PERMISSION, RISKY])] as const
export const REVISIONS = TEXTS.map(revisionOf) as [string, string, string]

export class AccessWorld {
  readonly clock = new SuspendableClock()
  readonly replicas: readonly Replica[]
  commits: readonly Commit[] = []
  /** What was true from when. */
  readonly past: { readonly fromMs: number; readonly commits: readonly Commit[] }[] = []
  incarnation = 'one'
  /** Of who the client is for the service by now. */
  callerDigest = 'all tenants'
  /** What every stream ends with and none begins with. */
  refusal: Error | undefined
  /** Milliseconds each way of what is sent from now on. */
  delayMs = 1
  /** Nothing of any line arrives. */
  frozen = false
  /** Milliseconds more that the answer of a load takes, and of a load of some. */
  loadMs = 0
  readonly loadMsOf = new Map<string, number>()
  /** Milliseconds that the service takes for a batch. */
  batchMs = 0
  /** Which replica answers the next loads; absent: that of the stream. */
  loadFrom: number | undefined
  /** As of another implementation: loads do not look at the position that is asked for. */
  ignoresMinPosition = false
  /** In place of the one without end. */
  readonly windowOf = new Map<string, { readonly validFromMs: number; readonly expiresAtMs: number }>()
  /** What the loads of a user fail with. */
  readonly faultOf = new Map<string, Error>()
  /** Loads fail. */
  loadsFail = false
  policiesFail = false
  loads = 0
  asked = 0
  opened: (WatchedFrom | undefined)[] = []
  #lines: Line[] = []
  #held: (() => void)[] = []
  #turn = 0

  constructor(replicas = 1) {
    this.#commit({ revision: REVISIONS[0] })
    this.replicas = Array.from({ length: replicas }, () => ({ known: this.head, readAtMs: this.clock.realMs }))
  }

  get head(): number {
    return this.commits.length
  }

  change(user: string): void {
    this.#commit({ user })
  }

  /** As many more versions of everybody in it. */
  changeTenant(): void {
    this.#commit({ tenant: TENANT })
  }

  activate(revision?: string): void {
    const [first, second] = REVISIONS
    this.#commit({ revision: revision ?? (this.#policyAt(this.head).revision === first ? second : first) })
  }

  /** Back to an earlier position, by a restore that nobody was told of; under another incarnation replicas see it when they read the feed. */
  restore(position: number, incarnation: string = this.incarnation): void {
    this.#become(this.commits.slice(0, position))
    this.incarnation = incarnation
    for (const replica of this.replicas) {
      replica.known = Math.min(replica.known, position)
      replica.readAtMs = Number.NEGATIVE_INFINITY
    }
  }

  /** One reading of the feed. */
  poll(index = 0): void {
    const replica = this.replicas[index]
    if (replica === undefined) return
    replica.known = this.head
    replica.readAtMs = this.clock.realMs
    for (const line of this.#lines) {
      if (line.replica !== replica) continue
      if (line.incarnation !== undefined && line.incarnation !== this.incarnation) this.#begin(line, replica.known, false)
      this.#tell(line)
    }
  }

  pollAll(): void {
    for (const index of this.replicas.keys()) this.poll(index)
  }

  cut(): void {
    for (const line of [...this.#lines]) this.#end(line, true)
  }

  thaw(): void {
    this.frozen = false
    const held = this.#held
    this.#held = []
    for (const deliver of held) deliver()
  }

  /** Each user has had as many versions as there were changes of them. */
  versionAt(user: string, position: number, commits = this.commits): number {
    return commits.filter(({ position: at, of }) => at <= position && ('tenant' in of || ('user' in of && of.user === user))).length
  }

  versionOf({ validUntil }: Decision): number {
    return (validUntil?.getTime() ?? 0) - FAR_MS
  }

  /** Whether a decision was true at some moment since then, as of its position and whatever came after it. */
  wasTrueSince(sinceMs: number, user: string, decision: Decision): boolean {
    const { policyRevision, position } = decision
    const version = this.versionOf(decision)
    return this.past.some(({ commits }, index) => {
      const untilMs = this.past[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY
      return (
        untilMs >= sinceMs &&
        position <= commits.length &&
        [position, commits.length].every(
          (at) => this.versionAt(user, at, commits) === version && this.#policyAt(at, commits).revision === policyRevision,
        )
      )
    })
  }

  decisionOf(user: string): Decision {
    this.asked++
    return {
      allowed: true,
      reason: 'TEMPORARY_GRANT',
      decisionId: 'of the service',
      policyRevision: this.#policyAt(this.head).revision,
      position: this.head,
      via: ['r0'],
      validUntil: new Date(FAR_MS + this.versionAt(user, this.head)),
    }
  }

  readonly service: Asker = {
    check: async ({ user = '' }) => this.decisionOf(user),
    checkAll: async (questions) => {
      if (this.batchMs > 0) await new Promise<void>((resolve) => this.clock.after(this.batchMs, resolve))
      return questions.map(({ user = '' }) => this.decisionOf(user))
    },
    listPermissions: async () => {
      this.asked++
      return { permissions: [], policyRevision: '', position: this.head }
    },
    close: async () => undefined,
  }

  readonly wire: AccessWire = {
    loadAccess: async ({ user }, { signal, minPosition }) => {
      this.loads++
      const replica = this.replicas[(this.loadFrom ?? this.#turn) % this.replicas.length]
      await this.#way(this.delayMs, signal)
      if (this.loadsFail || replica === undefined) throw new UnavailableError('', { code: 'unreachable' })
      const fault = this.faultOf.get(user)
      if (fault !== undefined) throw fault
      const answer = this.#loaded(user, replica, this.ignoresMinPosition ? 0 : (minPosition ?? 0))
      await this.#way(this.delayMs + this.loadMs + (this.loadMsOf.get(user) ?? 0), signal)
      return answer
    },
    loadPolicy: async (revision, { signal }) => {
      await this.#way(this.delayMs, signal)
      const text = TEXTS[REVISIONS.indexOf(revision)]
      if (this.policiesFail || text === undefined) throw new UnavailableError('', { code: 'unreachable' })
      return text
    },
    watch: (from, listener) => this.#watch(from, listener),
  }

  #loaded(user: string, replica: Replica, minPosition: number): LoadedAccess {
    const isFresh = this.clock.realMs - replica.readAtMs < FRESHNESS_BOUND_MS
    const position = isFresh && replica.known >= minPosition ? replica.known : this.head
    if (position < minPosition) throw new UnavailableError('', { code: 'position_not_reached' })
    const policy = this.#policyAt(position)
    const state = {
      position,
      policyPosition: policy.position,
      readAtMs: this.clock.nowMs(),
      tenant: { suspended: false, attributes: {} },
      user: { deactivated: false, attributes: {}, epoch: 0 },
      assignments: [
        { id: 'x', role: 'r0', ...(this.windowOf.get(user) ?? { validFromMs: 0, expiresAtMs: FAR_MS + this.versionAt(user, position) }) },
      ],
    }
    return { incarnation: this.incarnation, state, policyRevision: policy.revision }
  }

  #watch(from: WatchedFrom | undefined, listener: AccessListener): AccessWatch {
    this.opened.push(from)
    const replica = this.replicas[++this.#turn % this.replicas.length] ?? { known: 0, readAtMs: 0 }
    const line: Line = { replica, listener, cursor: Number.POSITIVE_INFINITY, incarnation: undefined, open: true, upMs: 0, downMs: 0 }
    this.#lines.push(line)
    this.#send(line, 'upMs', () => {
      if (this.refusal !== undefined) return this.#end(line, true)
      const { incarnation, callerDigest } = this
      const resumed = from?.incarnation === incarnation && from.callerDigest === callerDigest
      this.#begin(line, resumed ? from.position : replica.known, resumed)
      this.#tell(line)
    })
    return {
      beat: (beat) =>
        this.#send(line, 'upMs', () => {
          const ageMs = Math.ceil(this.clock.realMs - replica.readAtMs)
          const fresh = ageMs < FRESHNESS_BOUND_MS
          this.#down(line, {
            kind: 'heartbeat',
            beat,
            position: replica.known,
            ageMs: Math.min(ageMs, 1e9),
            fresh,
            databaseBeforeMs: this.clock.nowMs() + 1,
          })
        }),
      end: () => this.#end(line, false),
    }
  }

  #begin(line: Line, position: number, resumed: boolean): void {
    const { incarnation, callerDigest } = this
    line.cursor = position
    line.incarnation = incarnation
    const policy = resumed || this.#policyAt(position).revision === '' ? undefined : this.#policyAt(position)
    this.#down(line, { kind: 'opened', incarnation, position, resumed, policy, callerDigest })
  }

  #tell(line: Line): void {
    const through = line.replica.known
    if (through <= line.cursor) return
    const changes = this.commits
      .filter(({ position }) => position > line.cursor && position <= through)
      .map(
        ({ position, of }): AccessChange =>
          'user' in of
            ? { kind: 'user', position, fingerprint: fingerprintOf(of.user) }
            : 'tenant' in of
              ? { kind: 'tenant', position, fingerprint: fingerprintOf(of.tenant) }
              : { kind: 'policy', position, revision: of.revision },
      )
    line.cursor = through
    this.#down(line, { kind: 'changes', changes, through })
  }

  #end(line: Line, told: boolean): void {
    if (!line.open) return
    line.open = false
    this.#lines = this.#lines.filter((one) => one !== line)
    if (told) line.listener.ended(this.refusal ?? new UnavailableError('', { code: 'unreachable' }))
  }

  #down(line: Line, event: AccessEvent): void {
    this.#send(line, 'downMs', () => line.listener.event(event))
  }

  #send(line: Line, way: 'upMs' | 'downMs', arrive: () => void): void {
    const nowMs = this.clock.monotonicMs()
    line[way] = Math.max(line[way], nowMs + this.delayMs)
    const deliver = () => {
      if (this.frozen) this.#held.push(deliver)
      else if (line.open) arrive()
    }
    this.clock.after(line[way] - nowMs, deliver)
  }

  #way(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new UnavailableError('', { code: 'cancelled' })), { once: true })
      const arrive = () => {
        if (this.frozen) this.#held.push(arrive)
        else resolve()
      }
      this.clock.after(ms, arrive)
    })
  }

  #commit(of: Commit['of']): void {
    this.#become([...this.commits, { position: this.head + 1, atMs: this.clock.realMs, of }])
  }

  #become(commits: readonly Commit[]): void {
    this.commits = commits
    this.past.push({ fromMs: this.clock.realMs, commits })
  }

  #policyAt(position: number, commits = this.commits): { readonly revision: string; readonly position: number } {
    const last = commits.findLast((one) => one.position <= position && 'revision' in one.of)
    return { revision: last !== undefined && 'revision' in last.of ? last.of.revision : '', position: last?.position ?? 0 }
  }
}
