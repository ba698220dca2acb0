/** People log in, and their sessions and the keys of their tokens end, each in lanes of its own. */
import type { Chance } from './chance.ts'
import type { Load } from './load.ts'
import type { IdentityOperation } from './operation.ts'
import type { HeldToken, Question } from './streams.ts'
import { PERMISSIONS } from './world.ts'

/** Of those whose key was just retired: asked with again, and signed anew. */
const AFFECTED_MAX = 6

/** One login after the other: asks with its token everywhere, and mostly ends it after a while. What it leaves, others end. */
export async function sessionLane(load: Load, chance: Chance): Promise<void> {
  const { world } = load.needs
  while (!load.stopped) {
    const user = chance.pick(world.users)
    const tenant = chance.is(0.8) ? chance.pick(world.tenantsOf(user)) : null
    const token = await load.logIn(user, tenant)
    if (token !== undefined) {
      void load.askAll(questionWith(load, token, chance))
      await load.pause(chance.between(100, 800))
      if (chance.is(0.7)) await endAndAsk(load, token, chance)
    }
    await load.pause(chance.between(50, 400))
  }
}

async function endAndAsk(load: Load, token: HeldToken, chance: Chance): Promise<void> {
  const { user } = token
  const one: IdentityOperation = { kind: 'end-session', user, session: token.roots.session }
  const wait = chance.is(0.7)
  const made = await load.changeIdentity(chance.is(0.8) ? one : { kind: 'end-sessions', user }, wait)
  if (made !== undefined) load.askAfter(made, wait, questionWith(load, token, chance))
}

/** Replaces the signing key, mostly as after a theft; sessions live on, so that their people get new tokens. */
export async function signingKeyLane(load: Load, chance: Chance): Promise<void> {
  while (!load.stopped) {
    await load.pause(chance.between(1_500, 5_000))
    if (load.stopped) return
    const wait = chance.is(0.7)
    const made = await load.changeIdentity({ kind: chance.is(0.7) ? 'rotate-keys-at-once' : 'rotate-keys' }, wait)
    if (made === undefined) continue
    for (const token of load.tokens.slice(0, AFFECTED_MAX)) {
      load.askAfter(made, wait, questionWith(load, token, chance))
      const renewed = await load.renew(token)
      if (renewed !== undefined) void load.askAll(questionWith(load, renewed, chance))
    }
  }
}

export function questionWith({ needs: { world } }: Load, token: HeldToken, chance: Chance): Question {
  const { user } = token
  const tenant = token.tenant ?? chance.pick(world.tenantsOf(user))
  return { tenant, user, permission: chance.pick(PERMISSIONS), token }
}
