/** A decision's record as a line of JSON, written straight from the decision: the very text that JSON has of `recordOf`, in a fraction of its time. Keeps pieces that come again. Masks nothing. Floor 5. */
import type { AccessState, Assignment } from '../../model/access-state.ts'
import { inForce } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Decision, DecisionBasis, PermissionsAnswer } from '../../model/decision.ts'
import type { Decided, DecidedMethod } from '../../model/decision-record.ts'
import { LINE_CALLERS_KEPT_MAX, LINE_SUBJECTS_KEPT_MAX, LINE_WAYS_KEPT_MAX, SINK_ENTRY_BYTES } from '../../model/observation-limits.ts'
import type { PermissionEntry } from '../../model/policy.ts'
import { isSame } from '../kept-lists.ts'
import type { LogEntry } from './entry.ts'
import { AnswersPieces } from './line-answers.ts'
import { escaped, isAscii, isPlain, listOf, millisText, numberText, type Piece, pieceOf } from './line-text.ts'
import { clip, idsOf, idsThatDenied, isOfMany, nameOf, namesOf, resourceOf, rolesThatAllow } from './record.ts'

/** Of a permission that the policy has. */
interface PermissionPiece extends Piece {
  readonly entry: PermissionEntry
}

/** Whom a decision was about, as one state of one policy has it. */
interface Subject {
  readonly user: string | undefined
  readonly tenant: string | undefined
  readonly held: readonly Assignment[]
  /** User and tenant. */
  readonly who: Piece
  /** Roles in force, to the end of the list. */
  readonly roles: Piece
  /** Of an answer that rests on nothing that is held. */
  readonly resting: Piece
  /** Of the last ones that allowed, by their roles: they, ids of assignments, roles in force. */
  allowing: readonly Allowing[]
}

interface Allowing extends Piece {
  readonly via: readonly string[]
}

/** What decisions of one request have alike, from the id's end to whom it was about. */
interface Occasion extends Piece {
  readonly of: Omit<Decided, 'decision' | 'elapsedMs'>
}

export class RecordLines {
  readonly #replica: Piece
  readonly #callers = new Map<string, Piece & { readonly name: string }>()
  /** Weak: who was pushed out of memory, or taken back, is not held on to here. */
  #subjects = new WeakMap<AccessState, Subject>()
  /** At most; a weak map does not know. */
  #subjectsKept = 0
  readonly #answers = new AnswersPieces()
  #policy: CompiledPolicy | undefined
  #permissions = new Map<string, PermissionPiece>()
  /** Of the line that is being written: whether each character is one byte. */
  #isAscii = true
  #mattersLess = false
  #moment: { readonly atMs: number; readonly iso: string; readonly day: string } | undefined
  #arrival: (Piece & { readonly atMs: number; readonly method: DecidedMethod; readonly wire: string }) | undefined
  #version: (Piece & { readonly revision: string; readonly position: number; readonly level: string | undefined }) | undefined
  #occasion: Occasion | undefined
  #elapsedMs = Number.NaN
  #share = Number.NaN
  #end = ''

  constructor(replica: string) {
    this.#replica = pieceOf(escaped(replica))
  }

  entryOf(event: Decided, sampled: number): LogEntry {
    this.#isAscii = true
    this.#mattersLess = false
    const line = this.#lineOf(event, sampled)
    const bytes = this.#isAscii ? line.length : Buffer.byteLength(line)
    // One character that is not ASCII may make all of them two bytes wide.
    const heldBytes = (this.#isAscii ? bytes : 2 * line.length) + SINK_ENTRY_BYTES
    return { line, bytes, heldBytes, day: this.#momentOf(event.atMs).day, mattersLess: this.#mattersLess }
  }

  #lineOf(event: Decided, sampled: number): string {
    const { decision } = event
    const { basis } = decision
    if (basis.policy !== this.#policy) this.#begin(basis.policy)
    const subject = this.#subjectOf(basis)
    const before = `{"type":"decision","id":"${this.#escape(decision.decisionId)}${this.#occasionOf(event)}${this.#put(subject.who)}`
    const answer = isOfMany(decision) ? this.#answersOf(decision, subject) : this.#answerOf(decision, subject)
    return before + answer + this.#versionOf(decision) + this.#endOf(event.elapsedMs, sampled)
  }

  #begin(policy: CompiledPolicy): void {
    this.#policy = policy
    this.#permissions = new Map()
    this.#answers.clear()
    this.#forgetSubjects()
  }

  #forgetSubjects(): void {
    this.#subjects = new WeakMap()
    this.#subjectsKept = 0
  }

  #put(piece: Piece): string {
    if (!piece.isAscii) this.#isAscii = false
    return piece.text
  }

  #escape(text: string): string {
    if (isPlain(text)) return text
    const inside = escaped(text)
    if (!isAscii(inside)) this.#isAscii = false
    return inside
  }

  #momentOf(atMs: number): { readonly iso: string; readonly day: string } {
    if (this.#moment?.atMs !== atMs) {
      const iso = new Date(atMs).toISOString()
      this.#moment = { atMs, iso, day: iso.slice(0, 10) }
    }
    return this.#moment
  }

  /** After the id, up to whom it was about: decisions of one batch have the same, and no other two. */
  #occasionOf(event: Decided): string {
    if (event.method !== 'BatchCheck') return this.#newOccasionOf(event)
    const known = this.#occasion
    if (known !== undefined && isSameOccasion(known.of, event)) return this.#put(known)
    const { atMs, method, wire, requestId, trace, caller } = event
    const wasAscii = this.#isAscii
    this.#isAscii = true
    const text = this.#newOccasionOf(event)
    this.#occasion = { text, isAscii: this.#isAscii, of: { atMs, method, wire, requestId, trace, caller } }
    this.#isAscii = wasAscii && this.#isAscii
    return text
  }

  #newOccasionOf(event: Decided): string {
    const { requestId, trace, caller } = event
    const tracing = trace === undefined ? '' : `","trace":"${this.#escape(trace.traceId)}","span":"${this.#escape(trace.spanId)}`
    return this.#arrivalOf(event) + this.#escape(requestId) + tracing + this.#callerOf(caller)
  }

  /** Up to the request's id. */
  #arrivalOf({ atMs, method, wire }: Decided): string {
    let known = this.#arrival
    if (known === undefined || known.atMs !== atMs || known.method !== method || known.wire !== wire) {
      const { iso } = this.#momentOf(atMs)
      const { text: replica, isAscii } = this.#replica
      const text = `","at":"${iso}","replica":"${replica}","method":"${method}","wire":"${wire}","requestId":"`
      known = { text, isAscii, atMs, method, wire }
      this.#arrival = known
    }
    return this.#put(known)
  }

  #callerOf({ id, name }: Decided['caller']): string {
    const known = this.#callers.get(id)
    if (known !== undefined && known.name === name) return this.#put(known)
    if (this.#callers.size >= LINE_CALLERS_KEPT_MAX) this.#callers.clear()
    const made = { ...pieceOf(`","caller":{"id":"${escaped(id)}","name":"${escaped(name)}"}`), name }
    this.#callers.set(id, made)
    return this.#put(made)
  }

  #subjectOf({ user, tenant, found }: DecisionBasis): Subject {
    const state = found?.value
    const known = state && this.#subjects.get(state)
    if (known !== undefined && known.user === user && known.tenant === tenant) return known
    const held = state === undefined ? [] : state.assignments.filter((assignment) => inForce(assignment, state.readAtMs))
    const who = (user === undefined ? '' : `,"user":"${escaped(user)}"`) + (tenant === undefined ? '' : `,"tenant":"${escaped(tenant)}"`)
    const roles = pieceOf(`,"roles":${listOf(namesOf(held))}`)
    const resting = { text: `[],"assignments":[]${roles.text}`, isAscii: roles.isAscii }
    const made: Subject = { user, tenant, held, who: pieceOf(who), roles, resting, allowing: [] }
    if (state === undefined) return made
    if (this.#subjectsKept >= LINE_SUBJECTS_KEPT_MAX) this.#forgetSubjects()
    if (known === undefined) this.#subjectsKept += 1
    this.#subjects.set(state, made)
    return made
  }

  /** From the permission to the roles in force. */
  #answerOf({ basis, allowed, reason, via }: Decision, subject: Subject): string {
    const asked = basis.permissions[0] ?? ''
    const piece = this.#permissionOf(asked)
    const permission = piece === undefined ? `,"permission":"${this.#escape(nameOf(asked))}"` : this.#put(piece)
    const of = basis.resource === undefined ? permission : permission + this.#resourceOf(basis.resource, piece?.entry)
    const outcome = `${of}${allowed ? ',"allowed":true,"reason":"' : ',"allowed":false,"reason":"'}${reason}","via":`
    this.#mattersLess = allowed && piece?.entry.risk !== 'high'
    if (allowed) return outcome + this.#put(allowingOf(subject, via))
    const ids = idsThatDenied(reason, basis.policy, piece?.entry, basis.found?.value, subject.held)
    if (ids.length === 0 && via.length === 0) return outcome + this.#put(subject.resting)
    return outcome + this.#put(restOf(subject, via, ids))
  }

  #answersOf({ basis, allowed, denied }: PermissionsAnswer, subject: Subject): string {
    const answers = this.#answers.of(basis.permissions, allowed, basis.policy.findPermission)
    this.#mattersLess = answers.mattersLess
    const via = answers.allowing.length === 0 ? [] : rolesThatAllow(basis, subject.held, answers.allowing)
    const reason = denied === undefined ? '' : `,"reason":"${denied}"`
    const all = answers.allowing.length === basis.permissions.length
    return `${all ? ',"allowed":true' : ',"allowed":false'}${reason}${this.#put(answers)}${this.#put(allowingOf(subject, via))}`
  }

  #permissionOf(asked: string): PermissionPiece | undefined {
    const known = this.#permissions.get(asked)
    if (known !== undefined) return known
    const entry = this.#policy?.findPermission(asked)
    if (entry === undefined) return undefined
    const { name, code, risk } = entry
    const made = { ...pieceOf(`,"permission":"${escaped(name)}","code":"${escaped(code)}","risk":"${risk}"`), entry }
    this.#permissions.set(asked, made)
    return made
  }

  #resourceOf(resource: NonNullable<DecisionBasis['resource']>, entry: PermissionEntry | undefined): string {
    if (entry?.log === undefined || entry.log.length === 0) {
      const { id, type } = resource
      const typeText = typeof type === 'string' ? `"type":"${this.#escape(clip(type))}"` : ''
      if (typeof id !== 'string') return typeText === '' ? '' : `,"resource":{${typeText}}`
      return `,"resource":{${typeText}${typeText === '' ? '' : ','}"id":"${this.#escape(clip(id))}"}`
    }
    const kept = resourceOf(resource, entry)
    return kept === undefined ? '' : `,"resource":${this.#put(pieceOf(JSON.stringify(kept)))}`
  }

  /** Up to the duration. */
  #versionOf({ policyRevision: revision, position, basis }: Decision | PermissionsAnswer): string {
    const level = basis.found?.level
    let known = this.#version
    if (known === undefined || known.position !== position || known.level !== level || known.revision !== revision) {
      const found = level === undefined ? '' : `,"level":"${level}"`
      const text = `,"policyRevision":"${escaped(revision)}","position":${numberText(position)}${found},"durationMs":`
      known = { ...pieceOf(text), revision, position, level }
      this.#version = known
    }
    return this.#put(known)
  }

  /** The duration, and what stands behind it: items of one batch have the same. */
  #endOf(elapsedMs: number, share: number): string {
    if (this.#share !== share || this.#elapsedMs !== elapsedMs) {
      this.#share = share
      this.#elapsedMs = elapsedMs
      this.#end = `${millisText(Math.round(elapsedMs * 1_000))},"sampled":${numberText(share)}}`
    }
    return this.#end
  }
}

function isSameOccasion(one: Occasion['of'], other: Occasion['of']): boolean {
  return (
    one.requestId === other.requestId &&
    one.atMs === other.atMs &&
    one.caller === other.caller &&
    one.trace === other.trace &&
    one.method === other.method &&
    one.wire === other.wire
  )
}

function allowingOf(subject: Subject, via: readonly string[]): Piece {
  for (const known of subject.allowing) if (isSame(via, known.via)) return known
  const made = { ...restOf(subject, via, idsOf(subject.held, via)), via }
  subject.allowing = [made, ...subject.allowing].slice(0, LINE_WAYS_KEPT_MAX)
  return made
}

function restOf({ roles }: Subject, via: readonly string[], ids: readonly string[]): Piece {
  return pieceOf(`${listOf(via)},"assignments":${listOf(ids)}${roles.text}`)
}
