/** A few policy revisions, compiled: loaded from where they are kept when they are asked for first. Knows nothing of which one is in force. Floor 2. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { StoreError } from '../model/error-code.ts'
import { parseCanonical, revisionOf } from './canonical.ts'
import { compilePolicy } from './compile.ts'

export interface CompiledPoliciesNeeds {
  /** Canonical JSON of a stored revision. */
  readonly findRevision: (revision: string) => Promise<string | undefined>
}

export class CompiledPolicies {
  readonly #needs: CompiledPoliciesNeeds
  readonly #keptMax: number
  /** By revision, the one used last at the end. */
  readonly #compiled = new Map<string, Promise<CompiledPolicy>>()

  constructor(needs: CompiledPoliciesNeeds, keptMax: number) {
    this.#needs = needs
    this.#keptMax = keptMax
  }

  /** One that was compiled elsewhere in this process need not be compiled again. */
  offer(policy: CompiledPolicy): void {
    this.#keep(policy.revision, Promise.resolve(policy))
  }

  /** @throws StoreError when the store has it not, or damaged, or this build cannot use it */
  async get(revision: string): Promise<CompiledPolicy> {
    const known = this.#compiled.get(revision)
    const compiling = known ?? this.#load(revision)
    this.#keep(revision, compiling)
    try {
      return await compiling
    } catch (fault) {
      if (this.#compiled.get(revision) === compiling) this.#compiled.delete(revision)
      throw fault
    }
  }

  async #load(revision: string): Promise<CompiledPolicy> {
    const content = await this.#needs.findRevision(revision)
    if (content === undefined) throw new StoreError(`The store has no policy revision ${revision}`)
    if (revisionOf(content) !== revision) throw new StoreError(`The stored policy revision ${revision} is damaged`)
    try {
      return compilePolicy(parseCanonical(content), revision)
    } catch (cause) {
      throw new StoreError(`This build cannot use the stored policy revision ${revision}`, cause)
    }
  }

  #keep(revision: string, compiled: Promise<CompiledPolicy>): void {
    this.#compiled.delete(revision)
    this.#compiled.set(revision, compiled)
    for (const oldest of this.#compiled.keys()) {
      if (this.#compiled.size <= this.#keptMax) return
      this.#compiled.delete(oldest)
    }
  }
}
