/** Answers from memory while this process is fresh, by the service's own rule; whatever it cannot answer, the service does. Floor 6. */
import { holds, type Validity } from '../../access/fresh-reader.ts'
import type { Knowledge } from '../../access/knowledge.ts'
import { pairText } from '../../access/resolve.ts'
import { heldPermissions } from '../../decision/list.ts'
import { always, atMost, type Suggest } from '../../decision/suggest.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { AccessState } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Verdict } from '../../model/decision.ts'
import { BATCH_SUGGESTIONS_MAX } from '../../model/limits.ts'
import type { PolicyInForce } from '../../policy/in-force.ts'
import type { Asker } from '../asking/asker.ts'
import type { CallOptions, Decision, PermissionList, Question } from '../client.ts'
import type { CastellanError } from '../errors.ts'
import { LOCAL_LOADS_OF_ALL_MAX, LOCAL_POLICY_WAIT_MS_MAX, LOCAL_VERDICT_BYTES, LOCAL_VERDICTS_MAX, LOCAL_VIA_BYTES } from '../limits.ts'
import type { AccessWire } from '../wires/access-wire.ts'
import { AccessFollower } from './access-follower.ts'
import { HeldStates } from './held-states.ts'
import { localDecision, localVerdict } from './local-decision.ts'
import { asksAlways, type LocalPlan } from './local-options.ts'
import type { LocalStatus } from './local-status.ts'
import { type Entry, type Loaded, StateLoader } from './state-loader.ts'
import { within } from './within.ts'

export interface LocalNeeds {
  /** Whoever is asked for what is not answered here. Closed with this. */
  readonly service: Asker
  readonly wire: AccessWire
  readonly plan: LocalPlan
  /** Of a whole call, when it sets none. */
  readonly deadlineMs: number
  readonly clock: Clock
  readonly random: Random
  /** Only a test that shows what the heartbeats are good for gives another one. */
  readonly holds?: Validity
}

export interface LocalAsker extends Asker {
  peek(question: Question, options?: CallOptions): Decision | undefined
  status(): LocalStatus
}

type Named = Question & { readonly user: string; readonly tenant: string }

/** Never waits for its stream: until that is fresh the service is asked. */
export function openLocal(needs: LocalNeeds): LocalAsker {
  const local = new Local(needs)
  return {
    peek: (question, options) => local.peek(question, options),
    check: (question, options) => local.check(question, options),
    checkAll: (questions, options) => local.checkAll(questions, options),
    listPermissions: (subject, options) => local.listPermissions(subject, options),
    status: () => local.status(),
    close: () => local.close(),
  }
}

class Local {
  readonly #needs: LocalNeeds
  readonly #holds: Validity
  readonly #follower: AccessFollower
  readonly #knowledge: Knowledge<number>
  readonly #policy: PolicyInForce
  readonly #held: HeldStates<Entry>
  readonly #loader: StateLoader
  readonly #closing = new AbortController()
  #decided = 0
  #asked = 0

  constructor(needs: LocalNeeds) {
    const { wire, plan, clock, random } = needs
    this.#needs = needs
    this.#holds = needs.holds ?? holds
    this.#held = new HeldStates(plan)
    this.#follower = new AccessFollower({
      wire,
      loadPolicy: (revision) =>
        within(LOCAL_POLICY_WAIT_MS_MAX, clock, this.#closing.signal, (signal, remainingMs) =>
          wire.loadPolicy(revision, { signal, remainingMs }),
        ),
      staleMs: plan.staleMs,
      clock,
      random,
      restarted: () => {
        this.#held.clear()
        this.#loader.restart()
      },
    })
    this.#knowledge = this.#follower.knowledge
    this.#policy = this.#follower.policy
    this.#loader = new StateLoader({
      ...needs,
      knowledge: this.#knowledge,
      held: this.#held,
      closing: this.#closing.signal,
      refused: () => this.#follower.forgetAll(),
    })
    this.#follower.start()
  }

  peek(question: Question, options?: CallOptions): Decision | undefined {
    const known = this.#fromMemory(question, options, always)
    if (known !== undefined) this.#decided++
    return known
  }

  async check(question: Question, options?: CallOptions): Promise<Decision> {
    const known = this.peek(question, options)
    if (known !== undefined) return known
    if (!this.#mayDecide(question, options)) return await this.#ask(options, (left) => this.#needs.service.check(question, left))
    const startedAtMs = this.#needs.clock.monotonicMs()
    const loaded = await this.#loader.load(question.tenant, question.user, options)
    const decision = this.#fromMemory(question, options, always) ?? this.#fromLoaded(question, loaded, options, always)
    if (decision !== undefined) this.#decided++
    return decision ?? (await this.#ask(this.#left(options, startedAtMs), (left) => this.#needs.service.check(question, left)))
  }

  async checkAll(questions: readonly Question[], options?: CallOptions): Promise<readonly (Decision | CastellanError)[]> {
    const startedAtMs = this.#needs.clock.monotonicMs()
    const loaded = new Map<string, Loaded | undefined>()
    const told = new Map<number, Decision | CastellanError>()
    // All in one moment, after the last wait: what could be said before it may have been overtaken meanwhile.
    const answer = () => {
      const suggest = atMost(BATCH_SUGGESTIONS_MAX)
      return questions.map((question, index) => {
        const known = told.get(index) ?? this.#fromMemory(question, options, suggest)
        if (known !== undefined || question.user === undefined || loaded.size === 0) return known
        return this.#fromLoaded(question, loaded.get(pairText(question)), options, suggest)
      })
    }
    let results = answer()
    const pairs = new Map<string, Named>()
    for (const [index, question] of questions.entries())
      if (results[index] === undefined && this.#mayDecide(question, options)) pairs.set(pairText(question), question)
    if (pairs.size > 0 && pairs.size <= LOCAL_LOADS_OF_ALL_MAX) {
      const load = async (text: string, { tenant, user }: Named) => loaded.set(text, await this.#loader.load(tenant, user, options))
      await Promise.all([...pairs].map(([text, question]) => load(text, question)))
      results = answer()
    }
    while (results.includes(undefined)) {
      // Whoever has to ask again asks for all that is left, so that there is no third time.
      const left = [...questions.keys()].filter((index) => (told.size > 0 ? !told.has(index) : results[index] === undefined))
      this.#asked += left.length - 1
      const asked = await this.#ask(this.#left(options, startedAtMs), (rest) =>
        this.#needs.service.checkAll(
          left.map((index) => questions[index] as Question),
          rest,
        ),
      )
      // As many as were asked, or the client above finds the whole to be too short.
      if (asked.length !== left.length) return asked
      for (const [number, index] of left.entries()) told.set(index, asked[number] as Decision | CastellanError)
      results = answer()
    }
    this.#decided += results.length - told.size
    return results as (Decision | CastellanError)[]
  }

  async listPermissions(subject: { readonly user: string; readonly tenant: string }, options?: CallOptions): Promise<PermissionList> {
    const { tenant, user } = subject
    const { clock, service } = this.#needs
    const startedAtMs = clock.monotonicMs()
    let held = this.#recall(tenant, user, options)
    let [state, position] = [held?.value, this.#knowledge.known ?? 0]
    if (held === undefined && options?.minPosition === undefined && this.#isFresh()) {
      const loaded = await this.#loader.load(tenant, user, options)
      held = this.#recall(tenant, user, options)
      if (held !== undefined) [state, position] = [held.value, this.#knowledge.known ?? 0]
      else if (loaded !== undefined && this.#isCurrent(loaded)) [state, position] = [loaded.entry.value, loaded.entry.value.position]
    }
    const list = state === undefined ? undefined : this.#listed(user, tenant, state, position)
    return list ?? (await this.#ask(this.#left(options, startedAtMs), (left) => service.listPermissions(subject, left)))
  }

  status(): LocalStatus {
    const nowMs = this.#needs.clock.monotonicMs()
    return {
      state: this.#isFresh() && this.#policy.position >= 0 ? 'fresh' : this.#follower.connected ? 'catching-up' : 'asking',
      position: this.#knowledge.known,
      ageMs: this.#knowledge.ageMs(nowMs),
      policyRevision: this.#policy.revision,
      entries: this.#held.entries,
      bytes: this.#held.bytes,
      decided: this.#decided,
      asked: this.#asked,
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#follower.close()
    this.#held.clear()
    await this.#needs.service.close()
  }

  #fromMemory(question: Question, options: CallOptions | undefined, suggest: Suggest): Decision | undefined {
    if (question.user === undefined) return undefined
    const entry = this.#recall(question.tenant, question.user, options)
    if (entry === undefined) return undefined
    const policy = this.#policy.current()
    const verdict = this.#remembered(policy, question, entry) ?? this.#verdict(policy, question, entry, suggest)
    return verdict === undefined ? undefined : localDecision(verdict, policy.revision, this.#knowledge.known ?? 0)
  }

  /** What was decided before from this entry, under this policy and this plan: of what is always asked there is nothing. */
  #remembered(policy: CompiledPolicy, { permission, resource }: Named, { verdicts, verdictsOf }: Entry): Verdict | undefined {
    return verdictsOf === policy && resource === undefined ? verdicts?.get(permission) : undefined
  }

  /** What is kept of the pair and holds now, together with the policy in force here. */
  #recall(tenant: string, user: string, options: CallOptions | undefined): Entry | undefined {
    const entry = this.#held.get(tenant, user)
    if (entry === undefined || options?.signal?.aborted === true) return undefined
    const knowledge = this.#knowledge
    const nowMs = this.#needs.clock.monotonicMs()
    if (!this.#holds(entry, knowledge.lastChange(entry.tenantPrint, entry.userPrint), knowledge, nowMs)) return undefined
    const known = knowledge.known ?? -1
    if (options?.minPosition !== undefined && options.minPosition > known) return undefined
    // In force is the last activation known; while the next one takes force it is neither the one nor the other.
    const { position } = this.#policy
    return position >= entry.value.policyPosition && position <= known && position >= 0 ? entry : undefined
  }

  #verdict(policy: CompiledPolicy, question: Named, entry: Entry, suggest: Suggest): Verdict | undefined {
    if (asksAlways(this.#needs.plan, policy, question.permission)) return undefined
    if (question.resource !== undefined) return localVerdict(policy, question, entry.value, suggest)
    if (entry.verdictsOf !== policy) {
      entry.verdicts = undefined
      entry.verdictsOf = policy
    }
    const verdict = localVerdict(policy, question, entry.value, suggest)
    // Of names that are none there are as many as anybody likes, and a hint may have been left out.
    if (verdict === undefined || verdict.reason === 'UNKNOWN_PERMISSION') return verdict
    entry.verdicts ??= new Map()
    if (entry.verdicts.size < LOCAL_VERDICTS_MAX) {
      entry.verdicts.set(question.permission, verdict)
      this.#held.grew(entry, LOCAL_VERDICT_BYTES + LOCAL_VIA_BYTES * verdict.via.length)
    }
    return verdict
  }

  #fromLoaded(question: Named, loaded: Loaded | undefined, options: CallOptions | undefined, suggest: Suggest): Decision | undefined {
    if (loaded === undefined || options?.signal?.aborted === true || !this.#isCurrent(loaded)) return undefined
    const { value } = loaded.entry
    // Any replica may have answered, also one that is behind what was told here.
    if (options?.minPosition !== undefined && options.minPosition > value.position) return undefined
    const policy = this.#policy.current()
    // Again, for the policy may be another one by now.
    if (asksAlways(this.#needs.plan, policy, question.permission)) return undefined
    const verdict = localVerdict(policy, question, value, suggest)
    return verdict === undefined ? undefined : localDecision(verdict, policy.revision, value.position)
  }

  /** Still as fresh as it has to be, and of one version with the policy here. */
  #isCurrent(loaded: Loaded): boolean {
    const { entry, policyRevision } = loaded
    return (
      entry.value.policyPosition === this.#policy.position && policyRevision === this.#policy.revision && this.#loader.isCurrent(loaded)
    )
  }

  #mayDecide(question: Question, options: CallOptions | undefined): question is Named {
    if (question.user === undefined || options?.signal?.aborted === true || !this.#isFresh()) return false
    if (options?.minPosition !== undefined && options.minPosition > (this.#knowledge.known ?? -1)) return false
    return this.#policy.position >= 0 && !asksAlways(this.#needs.plan, this.#policy.current(), question.permission)
  }

  #isFresh(): boolean {
    return this.#knowledge.isFresh(this.#needs.clock.monotonicMs())
  }

  /** @returns undefined when something on it is always asked: whether it is held, the service says */
  #listed(user: string, tenant: string, state: AccessState, position: number): PermissionList | undefined {
    const policy = this.#policy.current()
    const held = heldPermissions(policy, user, tenant, state)
    if (held.permissions.some(({ permission }) => asksAlways(this.#needs.plan, policy, permission))) return undefined
    this.#decided++
    return { ...held, policyRevision: policy.revision, position }
  }

  #ask<T>(options: CallOptions | undefined, ask: (options: CallOptions | undefined) => Promise<T>): Promise<T> {
    this.#asked++
    return ask(options)
  }

  /** The options with what is left of the time. */
  #left(options: CallOptions | undefined, startedAtMs: number): CallOptions {
    const { clock, deadlineMs } = this.#needs
    const spentMs = clock.monotonicMs() - startedAtMs
    return { ...options, deadlineMs: Math.max(1, (options?.deadlineMs ?? deadlineMs) - spentMs) }
  }
}
