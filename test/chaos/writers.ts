/** Changes who may do what, all the time: users, tenants, policy files and keys, each in lanes of its own. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { Load } from './load.ts'
import type { Operation } from './operation.ts'
import { questionWith } from './session-writers.ts'
import { COVER_ROLE, PERMISSIONS, STANDING_ROLES } from './world.ts'

/** What a lane believes of its users: only it changes them. */
interface Belief {
  readonly roles: Set<string>
  readonly deactivated: Set<string>
}

/** Gives every user something, so that tenants and users are known. */
export async function populate(load: Load, chance: Chance): Promise<void> {
  const { world } = load.needs
  await Promise.all(
    world.users.flatMap((user) =>
      world.tenantsOf(user).map((tenant) => load.change(chance, { kind: 'grant', tenant, user, role: 'reader' }, true)),
    ),
  )
}

/** One writer of some users. */
export async function userLane(load: Load, users: readonly string[], chance: Chance): Promise<void> {
  const { world } = load.needs
  const belief: Belief = {
    roles: new Set(users.flatMap((user) => world.tenantsOf(user).map((tenant) => `reader ${tenant} ${user}`))),
    deactivated: new Set(),
  }
  while (!load.stopped) {
    const user = chance.pick(users)
    const tenant = chance.pick(world.tenantsOf(user))
    const operation = nextOperation(load, belief, tenant, user, chance)
    await changeAndAsk(load, operation, tenant, user, chance)
    await load.pause(chance.between(20, 120))
  }
}

function nextOperation(load: Load, { roles, deactivated }: Belief, tenant: string, user: string, chance: Chance): Operation {
  if (deactivated.has(user) ? chance.is(0.5) : chance.is(0.12)) {
    const kind = deactivated.delete(user) ? 'reactivate' : 'deactivate'
    if (kind === 'deactivate') deactivated.add(user)
    return { kind, user }
  }
  if (chance.is(0.2)) {
    // The windows are short, so that they begin and end while somebody asks.
    const nowMs = load.needs.clock.nowMs()
    const later = chance.is(0.3) ? { validFromMs: nowMs + Math.round(chance.between(300, 1_000)) } : {}
    return { kind: 'grant', tenant, user, role: COVER_ROLE, ...later, expiresAtMs: nowMs + Math.round(chance.between(1_000, 3_000)) }
  }
  const role = chance.pick(STANDING_ROLES)
  const held = `${role} ${tenant} ${user}`
  if (roles.delete(held)) return { kind: 'revoke', tenant, user, role }
  roles.add(held)
  return { kind: 'grant', tenant, user, role }
}

/** Makes the change, and then asks everybody, also with a token of the user. */
async function changeAndAsk(load: Load, operation: Operation, tenant: string, user: string, chance: Chance): Promise<void> {
  const { recorder } = load.needs
  recorder.noteChanged(tenant, user)
  const wait = chance.is(0.7)
  const made = await load.change(chance, operation, wait)
  if (made === undefined) return
  load.askAfter(made, wait, { tenant, user, permission: chance.pick(PERMISSIONS) })
  const token = load.tokens.find((held) => held.user === user)
  const ofAccount = operation.kind === 'deactivate' || operation.kind === 'reactivate'
  if (token !== undefined && (ofAccount || chance.is(0.2))) load.askAfter(made, wait, questionWith(load, token, chance))
  if (operation.kind === 'grant' && operation.expiresAtMs !== undefined) {
    const leftMs = operation.expiresAtMs - load.needs.clock.nowMs()
    load.inBackground(delay(Math.max(0, leftMs + 2)).then(() => load.askAll({ tenant, user, permission: 'work.page.cover' })))
  }
}

/** Suspends one tenant for a moment. */
export async function tenantLane(load: Load, chance: Chance): Promise<void> {
  const { world } = load.needs
  while (!load.stopped) {
    const tenant = chance.pick(world.suspendable)
    const user = chance.pick(world.users.filter((one) => world.tenantsOf(one).includes(tenant)))
    for (const kind of ['suspend', 'resume'] as const) {
      await changeAndAsk(load, { kind, tenant }, tenant, user, chance)
      await load.pause(chance.between(200, 800))
    }
  }
}

/** Rewrites the policy files, which every replica finds by itself. */
export async function policyLane(load: Load, chance: Chance): Promise<void> {
  while (!load.stopped) {
    await load.pause(chance.between(1_500, 4_000))
    if (!load.stopped) load.needs.files.write()
  }
}

/** Makes a key, asks with it everywhere, revokes it, and asks with it everywhere again. */
export async function keyLane(load: Load, chance: Chance): Promise<void> {
  const { world } = load.needs
  while (!load.stopped) {
    const made = await load.change(chance, { kind: 'make-key', name: 'for a moment' }, true)
    if (made?.key !== undefined) {
      const { id, key } = made.key
      const user = chance.pick(world.users)
      const question = { tenant: chance.pick(world.tenantsOf(user)), user, permission: chance.pick(PERMISSIONS) }
      void load.askAll(question, key, id)
      await load.pause(chance.between(50, 300))
      if ((await load.change(chance, { kind: 'revoke-key', id }, true)) !== undefined) void load.askAll(question, key, id)
    }
    await load.pause(chance.between(200, 800))
  }
}
