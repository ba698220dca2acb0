/** When which fault strikes: each kind once in an order of the seed's, then by chance, some overlapping, a calm after each. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import { FAULTS, type FaultNeeds, type Hit, TARGETS } from './faults.ts'
import type { FaultKind } from './options.ts'
import { now } from './recorder.ts'

export interface Injected extends Hit {
  readonly kind: FaultKind
  readonly startedAt: number
  readonly endedAt: number
}

const OVERLAP_PROBABILITY = 0.3
const CALM_MS = [1_500, 2_500] as const

/**
 * Goes on until `until`, and longer when a kind has not had its turn by then.
 * @param told each fault when it is over
 */
export async function runFaults(
  needs: FaultNeeds,
  kinds: readonly FaultKind[],
  until: number,
  told: (injected: Injected) => void,
): Promise<readonly Injected[]> {
  const { chance } = needs
  const all: Injected[] = []
  const inject = async (kind: FaultKind, afterMs: number) => {
    await delay(afterMs)
    const startedAt = now()
    const hit = await FAULTS[kind]({ ...needs, chance: chance.branch() }).catch(notInjected)
    const injected = { ...hit, kind, startedAt, endedAt: now() }
    all.push(injected)
    told(injected)
  }
  const waiting = chance.shuffled(kinds)
  await calm(chance)
  while (waiting.length > 0 || (kinds.length > 0 && now() < until)) {
    const kind = waiting.shift() ?? chance.pick(kinds)
    const beside = kinds.filter((other) => !TARGETS[other].some((target) => TARGETS[kind].includes(target)))
    const other = beside.length > 0 && chance.is(OVERLAP_PROBABILITY) ? chance.pick(beside) : undefined
    await Promise.all([inject(kind, 0), ...(other === undefined ? [] : [inject(other, chance.between(0, 1_000))])])
    await calm(chance)
  }
  const leftMs = until - now()
  if (leftMs > 0) await delay(leftMs)
  return all
}

/** What breaks things may break itself: then it has not hit, and the run goes on. */
function notInjected(fault: unknown): Hit {
  return { hit: false, seen: `could not be injected: ${fault instanceof Error ? fault.message : String(fault)}` }
}

function calm(chance: Chance): Promise<void> {
  return delay(chance.between(...CALM_MS))
}
