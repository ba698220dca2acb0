/** Two policies that differ by what each role may, compiled once for all worlds; a replica still has to fetch each of them. */
import type { CompiledPolicy } from '../../../src/model/compiled-policy.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { PolicyInForce } from '../../../src/policy/in-force.ts'

export const PERMISSIONS = ['doc.read', 'doc.write'] as const
export const ROLES = ['reader', 'writer'] as const

const compiled = [
  compilePolicy(bundle({ reader: ['doc.read'], writer: ['doc.write'] })),
  compilePolicy(bundle({ reader: ['doc.read', 'doc.write'], writer: ['doc.read'] })),
]
const byRevision = new Map(compiled.map((policy) => [policy.revision, policy]))

/** By their place in a schedule. */
export const REVISIONS: readonly string[] = compiled.map(({ revision }) => revision)

export function policyOf(revision: string): CompiledPolicy {
  const found = byRevision.get(revision)
  if (found === undefined) throw new Error(`the world has no policy ${revision}`)
  return found
}

/** Each revision is fetched once, which takes what the wire takes. Compiling it took real time, which no simulated clock sees, and was done above. */
export class FetchedPolicy extends PolicyInForce {
  readonly fetch: (revision: string) => Promise<CompiledPolicy>
  readonly #fetched = new Set<string>()

  constructor(fetch: (revision: string) => Promise<CompiledPolicy>) {
    super({ findRevision: () => Promise.reject(new StoreError('not offered')) })
    this.fetch = fetch
  }

  override async prepare(revision: string): Promise<void> {
    await this.#have(revision)
    await super.prepare(revision)
  }

  override async adopt(revision: string, position: number): Promise<void> {
    await this.#have(revision)
    await super.adopt(revision, position)
  }

  async #have(revision: string): Promise<void> {
    if (this.#fetched.has(revision)) return
    this.offer(await this.fetch(revision))
    this.#fetched.add(revision)
  }
}

function bundle(roles: Readonly<Record<(typeof ROLES)[number], readonly string[]>>): PolicyBundle {
  const about = { title: 'x', owner: 'x' }
  const permission = { ...about, service: 'x', risk: 'normal', stage: 'active', attributes: {} } as const
  const role = { ...about, bundle: 'x', assignable: 'any' } as const
  return {
    permissions: PERMISSIONS.map((name, index) => ({ ...permission, name, code: `x.${index}` })),
    reserved: [],
    roles: ROLES.map((name) => ({ ...role, name, grants: roles[name].map((granted) => ({ permission: granted })) })),
    constraints: [],
  }
}
