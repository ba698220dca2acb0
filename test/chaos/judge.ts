/** Counts where a recorded history breaks the promises of freshness. Pure: knows no process, no clock. */
import type { Answer, Check, History, Roles } from './history.ts'
import { Marks } from './marks.ts'
import { hasVerdict, indexAt, type State, States } from './states.ts'
import { TokenLives, type Worth } from './token-lives.ts'

/**
 * `F1`: not older than what was acknowledged as effective before the question. `F2`: not older than what was committed longer than the
 * bound before it. `F3`: not older than the position asked for, and as it was at the position that the answer names. `window`: a grant
 * neither after its end nor before its beginning. `outage`: no decision while nothing could be known. `truth`: true at some time at all.
 */
export const PROMISES = ['F1', 'F2', 'F3', 'window', 'outage', 'truth'] as const
export type Promised = (typeof PROMISES)[number]

export interface Violation {
  readonly promise: Promised
  readonly check: Check
  readonly text: string
  /** It would be none, were the access token worth something else: its session, its key or its epoch is what was taken for older. */
  readonly ofToken: boolean
}

export interface Judgement {
  readonly counts: Readonly<Record<Promised, number>>
  readonly total: number
  /** How many of them are `ofToken`. */
  readonly ofTokens: number
  /** How many of them were decided by a client itself. */
  readonly ofLocal: number
  /** The first few of each promise. */
  readonly examples: readonly Violation[]
}

const EXAMPLES_MAX = 3

/**
 * Certain violations only: a question counts from before it was sent, a change from when its answer was in hand (or a later answer proved
 * it committed), a window from the outer edge of what is known about the database's clock. A change whose answer was lost binds nobody
 * before something proves it, and may be seen from when it was first sent. What a client decided by itself counts from the moment of deciding. Of an access token the key, the session and the account may each
 * be of another position, all of them from the one that the answer names or later.
 */
export function judge(history: History): Judgement {
  const counts: Record<Promised, number> = { F1: 0, F2: 0, F3: 0, window: 0, outage: 0, truth: 0 }
  const examples: Violation[] = []
  let ofTokens = 0
  let ofLocal = 0
  const bench = new Bench(history)
  for (const check of history.checks)
    for (const [promise, text, ofToken = false] of bench.try(check)) {
      counts[promise] += 1
      if (ofToken) ofTokens += 1
      if (check.staleMs !== undefined) ofLocal += 1
      if (counts[promise] <= EXAMPLES_MAX) examples.push({ promise, check, text: `${told(check)}; ${text}`, ofToken })
    }
  examples.sort((a, b) => PROMISES.indexOf(a.promise) - PROMISES.indexOf(b.promise))
  return { counts, ofTokens, ofLocal, total: PROMISES.reduce((sum, promise) => sum + counts[promise], 0), examples }
}

type Finding = readonly [promise: Promised, text: string, ofToken?: boolean]

interface Activation {
  readonly startedAt: number
  /** Where the next one takes over. */
  readonly until: number
}

class Bench {
  readonly #history: History
  readonly #states: States
  readonly #effective: Marks
  readonly #committed: Marks
  /** By revision: one may be activated again. */
  readonly #activations: ReadonlyMap<string, readonly Activation[]>
  readonly #keys: ReadonlyMap<string, KeyLife>
  readonly #tokens: TokenLives

  constructor(history: History) {
    this.#history = history
    const changes = [...history.changes].sort((a, b) => a.position - b.position)
    this.#states = new States(changes)
    this.#effective = new Marks(history.acknowledgements.filter(({ effective }) => effective))
    // An answer made from a position proves that everything up to there was committed.
    const seen = history.checks.flatMap(({ endedAt, outcome }) =>
      outcome.kind === 'answer' ? [{ at: endedAt, position: outcome.position }] : [],
    )
    this.#committed = new Marks([...history.acknowledgements, ...seen])
    this.#activations = activationsOf(changes)
    this.#keys = keyLives(changes)
    this.#tokens = new TokenLives(changes)
  }

  try(check: Check): readonly Finding[] {
    const { staleMs = 0 } = check
    // An acknowledgement waits for replicas, not for clients that decide by themselves.
    const effective = check.staleMs === undefined ? this.#effective.highest(check.startedAt) : 0
    const committed = this.#committed.highest((check.decidedAt ?? check.startedAt) - this.#history.boundMs - staleMs)
    const { outcome } = check
    const findings = this.#tryKey(check, effective, committed)
    if (outcome.kind === 'failure') return findings
    for (const { from, until } of this.#history.outages)
      if ((check.decidedAt ?? check.startedAt) >= from + staleMs && check.endedAt <= until)
        findings.push(['outage', `Redis and PostgreSQL had been away for longer than the bound since ${seconds(from)}`])
    findings.push(...this.#tryAnswer(check, outcome, effective, committed))
    return findings
  }

  #tryAnswer(check: Check, answer: Answer, effective: number, committed: number): Finding[] {
    if (!this.#couldBe(check, answer, 0)) {
      if (this.#couldBe(check, answer, 0, 'any time before'))
        return [
          ['window', `this was true only before a window began or ended: ${this.#clock(check)}, ${this.#truth(check, answer.position)}`],
        ]
      return [['truth', `this was true at no time: ${this.#truth(check, answer.position)}`, this.#couldBeOfAnotherToken(check, answer, 0)]]
    }
    const demands: readonly (readonly [Promised, number, string])[] = [
      ['F1', effective, `position ${effective} was acknowledged as effective before`],
      ['F2', committed, `position ${committed} was committed more than ${this.#history.boundMs + (check.staleMs ?? 0)} ms before`],
      ['F3', check.minPosition ?? 0, `position ${check.minPosition} was asked for`],
    ]
    const broken: Finding[] = []
    for (const [promise, least, text] of demands) {
      const why = `${text}, and then ${this.#truth(check, least)}`
      if (answer.position < least) broken.push([promise, text])
      else if (!this.#couldBe(check, answer, least))
        broken.push(
          this.#couldBe(check, answer, least, 'any time before')
            ? ['window', why]
            : [promise, why, this.#couldBeOfAnotherToken(check, answer, least)],
        )
    }
    if (broken.length === 0 && !this.#isOf(check, answer, answer.position)) {
      const why = `but at the position that it names ${this.#truth(check, answer.position)}`
      broken.push(['F3', why, this.#couldBeOfAnotherToken(check, answer, answer.position)])
    }
    return broken
  }

  #couldBeOfAnotherToken(check: Check, answer: Answer, least: number): boolean {
    if (check.token === undefined) return false
    return (
      spoken(answer) === 'deny TOKEN_INVALID' ||
      spoken(answer) === 'deny TOKEN_REVOKED' ||
      this.#couldBe(check, answer, least, 'any time before', ['unasked'])
    )
  }

  /** Whether it is true of some position from `least` on that may have been reached by the end of the check. */
  #couldBe(
    check: Check,
    answer: Answer,
    least: number,
    when: When = 'during the check',
    worths: readonly (Worth | 'unasked')[] = this.#worths(check, least),
  ): boolean {
    // Who presents what no key has signed is nobody: there is nothing else to be right about.
    if (spoken(answer) === 'deny TOKEN_INVALID') return worths.includes('unpublished')
    const states = this.#states.of(check.tenant, check.user)
    for (let index = indexAt(states, least); index < states.length; index++) {
      const state = states[index]
      if (state === undefined || (state.position > least && state.startedAt > check.endedAt)) return false
      const position = Math.max(state.position, least)
      if (worths.some((worth) => this.#matches(check, answer, state, position, { when, worth }))) return true
    }
    return false
  }

  #worths(check: Check, least: number): readonly (Worth | 'unasked')[] {
    return check.token === undefined ? ['unasked'] : this.#tokens.worths(check.user, check.token, least, check.endedAt)
  }

  #isOf(check: Check, answer: Answer, position: number): boolean {
    if (check.token !== undefined) return this.#couldBe(check, answer, position)
    const states = this.#states.of(check.tenant, check.user)
    const state = states[indexAt(states, position)]
    return state !== undefined && this.#matches(check, answer, state, position, { when: 'during the check', worth: 'unasked' })
  }

  /** By the answer's own policy, which may be newer than the state but never older. */
  #matches(check: Check, answer: Answer, state: State, position: number, { when, worth }: Supposed): boolean {
    if (worth === 'unpublished') return false
    const roles = this.#history.policies.get(answer.policyRevision)
    const activations = this.#activations.get(answer.policyRevision) ?? []
    if (roles === undefined || !activations.some(({ startedAt, until }) => startedAt <= check.endedAt && until > position)) return false
    const { leastMs, mostMs } = this.#history.offset
    const fromMs = when === 'during the check' ? check.startedAt + leastMs : Number.NEGATIVE_INFINITY
    const revoked = worth === 'ended' || (worth === 'live' && check.token?.epoch !== state.epoch)
    return hasVerdict(state, roles, { permission: check.permission, revoked }, spoken(answer), fromMs, check.endedAt + mostMs)
  }

  #tryKey(check: Check, effective: number, committed: number): Finding[] {
    const life = check.caller === undefined ? undefined : this.#keys.get(check.caller)
    if (life === undefined) return []
    const refused = check.outcome.kind === 'failure' && check.outcome.code === 'unauthenticated'
    if (refused && life.endStartedAt <= check.endedAt) return []
    if (!refused && check.outcome.kind === 'failure') return []
    const since = refused ? life.begin : life.end
    const text = refused ? `the key was made at position ${since}` : `the key was revoked at position ${since}`
    if (since <= effective) return [['F1', `${text}, acknowledged as effective before`]]
    return since <= committed ? [['F2', `${text}, committed more than the bound before`]] : []
  }

  #truth(check: Check, position: number): string {
    const states = this.#states.of(check.tenant, check.user)
    const state = states[indexAt(states, position)]
    if (state === undefined) return 'nothing is known'
    const grants = state.grants.map(({ role, validFromMs, expiresAtMs }) => `${role} ${validFromMs}–${expiresAtMs ?? ''}`)
    const parts = [
      ...(state.suspended ? ['the tenant was suspended'] : []),
      ...(state.deactivated ? ['the account was deactivated'] : []),
      grants.length === 0 ? 'nothing was granted' : `granted were ${grants.join(', ')}`,
      ...this.#tokenTruth(check, state),
    ]
    return `${parts.join(', ')} (since position ${state.position})`
  }

  #tokenTruth({ user, token }: Check, { epoch }: State): readonly string[] {
    if (token === undefined) return []
    const told = (what: string, { position }: { readonly position: number }) =>
      `${what} ${position === Number.POSITIVE_INFINITY ? 'never' : `at position ${position}`}`
    const ends = [told('its session ended', this.#tokens.sessionEnd(user, token)), told('its key', this.#tokens.keyEnd(token))]
    return [`the epoch was ${epoch} and that of the token ${token.epoch}`, ...ends]
  }

  #clock({ startedAt, endedAt }: Check): string {
    const { leastMs, mostMs } = this.#history.offset
    return `by the database's clock it was asked at ${Math.floor(startedAt + leastMs)} or later and answered by ${Math.ceil(endedAt + mostMs)}`
  }
}

interface Supposed {
  readonly when: When
  readonly worth: Worth | 'unasked'
}

type When = 'during the check' | 'any time before'

function activationsOf(changes: History['changes']): ReadonlyMap<string, readonly Activation[]> {
  const all = changes.flatMap(({ position, startedAt, effects }) =>
    effects.flatMap((effect) => (effect.kind === 'policy' ? [{ revision: effect.revision, position, startedAt }] : [])),
  )
  const byRevision = new Map<string, Activation[]>()
  for (const [index, { revision, startedAt }] of all.entries()) {
    const until = all[index + 1]?.position ?? Number.POSITIVE_INFINITY
    byRevision.set(revision, [...(byRevision.get(revision) ?? []), { startedAt, until }])
  }
  return byRevision
}

interface KeyLife {
  readonly begin: number
  readonly end: number
  readonly endStartedAt: number
}

function keyLives(changes: History['changes']): ReadonlyMap<string, KeyLife> {
  const lives = new Map<string, KeyLife>()
  const NEVER = { end: Number.POSITIVE_INFINITY, endStartedAt: Number.POSITIVE_INFINITY }
  for (const { position, startedAt, effects } of changes)
    for (const effect of effects) {
      if (effect.kind !== 'key') continue
      if (effect.valid) lives.set(effect.caller, { begin: position, ...NEVER })
      else lives.set(effect.caller, { begin: lives.get(effect.caller)?.begin ?? 0, end: position, endStartedAt: startedAt })
    }
  return lives
}

function spoken({ allowed, reason }: Answer): string {
  return `${allowed ? 'allow' : 'deny'} ${reason}`
}

function seconds(monotonicMs: number): string {
  return `${(monotonicMs / 1_000).toFixed(3)} s`
}

function told(check: Check): string {
  const { outcome, minPosition, token } = check
  const asked = `${token === undefined ? '' : 'a token of '}${check.user} in ${check.tenant}, ${check.permission}${minPosition === undefined ? '' : ` from position ${minPosition}`}`
  const answered =
    outcome.kind === 'failure'
      ? outcome.code
      : `${spoken(outcome)} at position ${outcome.position}, policy ${outcome.policyRevision.slice(0, 8)}`
  return `replica ${check.replica} over ${check.wire}, asked at ${seconds(check.startedAt)} (${asked}), answered${check.staleMs === undefined ? '' : ' by itself'} at ${seconds(check.endedAt)}: ${answered}`
}

/** The roles of a stored revision, as its canonical JSON has them. */
export function rolesOf(canonical: string): Roles {
  const { roles } = JSON.parse(canonical) as { roles: { name: string; grants: { permission: string }[] }[] }
  return new Map(roles.map(({ name, grants }) => [name, new Set(grants.map(({ permission }) => permission))]))
}
