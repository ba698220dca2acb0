/** The policy in force, as the feed says, and the revisions prepared beside it. Decides nothing about which one takes force. Floor 2. */
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import { StoreError } from '../model/error-code.ts'
import { POLICIES_COMPILED_KEPT_MAX } from '../model/limits.ts'
import { CompiledPolicies, type CompiledPoliciesNeeds } from './compiled-policies.ts'

/** @param before the revision that was in force here until now; absent: none was */
export type AdoptionListener = (policy: CompiledPolicy, before: string | undefined) => void

export class PolicyInForce implements PolicySource {
  /** What is in force, was in force, or is about to be. */
  readonly #compiled: CompiledPolicies
  #inForce: { readonly policy: CompiledPolicy; readonly position: number } | undefined
  #prepared: string | undefined
  readonly #listeners: AdoptionListener[] = []

  /** @param keptMax compiled revisions, the one in force among them */
  constructor(needs: CompiledPoliciesNeeds, keptMax: number = POLICIES_COMPILED_KEPT_MAX) {
    this.#compiled = new CompiledPolicies(needs, keptMax)
  }

  /** @throws StoreError before the first adoption: nothing is decided without a policy */
  current(): CompiledPolicy {
    if (this.#inForce === undefined) throw new StoreError('No policy is in force yet')
    return this.#inForce.policy
  }

  /** Feed position of its activation; below any when there is none. */
  get position(): number {
    return this.#inForce?.position ?? -1
  }

  get revision(): string | undefined {
    return this.#inForce?.policy.revision
  }

  /** The revision prepared last beside what is in force: adopting it takes no time. */
  get prepared(): string | undefined {
    return this.#prepared
  }

  /** One that was compiled elsewhere in this process need not be compiled again. */
  offer(policy: CompiledPolicy): void {
    this.#compiled.offer(policy)
    this.#prepared = policy.revision
  }

  /** Loads and compiles beside what is in force. @throws StoreError when the store has it not, or damaged */
  async prepare(revision: string): Promise<void> {
    await this.#compiled.get(revision)
    this.#prepared = revision
  }

  /** Any stored revision, for who only looks at it. @throws StoreError as `prepare` */
  async find(revision: string): Promise<CompiledPolicy> {
    return revision === this.revision ? this.current() : await this.#compiled.get(revision)
  }

  /** Takes force, whole: a check is answered from one revision or the other. @throws StoreError as `prepare`; nothing has changed then */
  async adopt(revision: string, position: number): Promise<void> {
    const policy = await this.#compiled.get(revision)
    const before = this.revision
    this.#inForce = { policy, position }
    if (before !== revision) for (const listener of this.#listeners) listener(policy, before)
  }

  /** Hears of each revision that takes force after another one, or after none. For as long as the process lives. */
  onAdopted(listener: AdoptionListener): void {
    this.#listeners.push(listener)
  }

  /** What was adopted may never have been: the database is another one. */
  forget(): void {
    this.#inForce = undefined
  }
}
