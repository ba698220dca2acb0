/** Who is in a run, and the policy files, of which every writing is another revision. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { now } from './recorder.ts'

export const PERMISSIONS = ['work.page.read', 'work.page.edit', 'work.page.publish', 'work.page.cover'] as const
/** Held without end; `cover` only for a time. */
export const STANDING_ROLES = ['reader', 'editor'] as const
export const COVER_ROLE = 'cover'

const TENANTS = 6
const USERS = 30

export interface World {
  /** Of these, the last ones are suspended and resumed. */
  readonly tenants: readonly string[]
  readonly suspendable: readonly string[]
  readonly users: readonly string[]
  /** Each user is in two tenants. */
  tenantsOf(user: string): readonly string[]
}

export function openWorld(): World {
  const tenants = Array.from({ length: TENANTS }, (_, number) => `tenant-${number}`)
  const users = Array.from({ length: USERS }, (_, number) => `user-${number}`)
  const inTenants = new Map(
    users.map((user, number) => [user, [0, 1].map((step) => tenants[(number + step * (1 + (number % 4))) % TENANTS] ?? '')]),
  )
  return { tenants, suspendable: tenants.slice(-2), users, tenantsOf: (user) => inTenants.get(user) ?? [] }
}

/** The folder that all replicas read. */
export class PolicyFiles {
  readonly #directory: string
  readonly #writtenAt = new Map<number, number>()

  constructor(directory: string) {
    this.#directory = directory
    this.write()
  }

  /** Writes the next revision, whole: every other one lets editors publish. */
  write(): void {
    const number = this.#writtenAt.size + 1
    const file = join(this.#directory, 'work.yaml')
    writeFileSync(`${file}.next`, textOf(number, number % 2 === 1))
    this.#writtenAt.set(number, now())
    renameSync(`${file}.next`, file)
  }

  /** When the files of a revision, given by its canonical text, were written. */
  writtenAt(canonical: string): number {
    const [, number] = /"title":"Editor (\d+)"/.exec(canonical) ?? []
    return this.#writtenAt.get(Number(number)) ?? Number.NEGATIVE_INFINITY
  }

  get count(): number {
    return this.#writtenAt.size
  }
}

function textOf(number: number, editorsPublish: boolean): string {
  return `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: work, owner: chaos@castellan.example }
permissions:
  work.page.read: { code: w.p.r, title: Read pages }
  work.page.edit: { code: w.p.e, title: Change pages }
  work.page.publish: { code: w.p.p, title: Publish pages }
  work.page.cover: { code: w.p.c, title: Stand in }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: work, owner: chaos@castellan.example }
roles:
  reader: { title: Reader, permissions: [work.page.read] }
  editor: { title: Editor ${number}, permissions: [work.page.read, work.page.edit${editorsPublish ? ', work.page.publish' : ''}] }
  cover: { title: Cover, assignable: temporary, maxGrant: PT1H, permissions: [work.page.read, work.page.cover] }
`
}
