/**
 * What a cached [user, tenant] takes and what a look at it costs, from a thousand to a million of them; no service around; prints figures, asserts none.
 * `node --expose-gc --import ./test/chaos/typescript.mjs test/scale/memory.ts [--entries 1000,1000000] [--tenants 10] [--looks 1000000]`
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { openStateMemory } from '../../src/cache/state-memory.ts'
import type { AccessState } from '../../src/model/access-state.ts'

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000,10000,100000,1000000' },
    tenants: { type: 'string', default: '10' },
    looks: { type: 'string', default: '1000000' },
  },
})
const [tenants, looks] = [Number(values.tenants), Number(values.looks)]
const ROLES = ['reader', 'owner', 'auditor', 'clerk', 'approver']

print('entries    bytes beyond ids  counted   ns a look: the same 1,000   any, as wires bring it   longest put, ms')
for (const text of values.entries.split(',')) measure(Number(text))

function measure(entries: number): void {
  const names = Array.from({ length: entries }, () => flat(randomUUID()))
  const idBytes = heldBy(() => names.map(flat)) / entries
  const memory = openStateMemory({ entriesMax: entries, bytesMax: 2 ** 40 })
  let longestMs = 0
  const bytes = heldBy(() => {
    for (const [number, name] of names.entries()) {
      const state = stateOf(number)
      const begunMs = performance.now()
      memory.set(tenantOf(number), name, state)
      longestMs = Math.max(longestMs, performance.now() - begunMs)
    }
    return memory
  })
  const counted = memory.bytes
  const few = names.slice(0, 1_000)
  const hot = nanosecondsALook((look) => [tenantOf(look % few.length), few[look % few.length] ?? ''])
  let at = 1
  const any = nanosecondsALook(() => {
    at = (at * 48_271) % 2_147_483_647
    const number = at % entries
    return [tenantOf(number), names[number] ?? '']
  })
  const figures = [
    (bytes / entries - idBytes).toFixed(0).padStart(20),
    `${Math.round((100 * (counted - bytes)) / bytes)} %`.padStart(9),
    hot.toFixed(0).padStart(28),
    any.toFixed(0).padStart(23),
    longestMs.toFixed(1).padStart(18),
  ]
  print(`${entries.toLocaleString('en').padStart(9)}${figures.join('')}`)

  /** Fresh texts, as a wire makes them: made before the clock runs. */
  function nanosecondsALook(pairOf: (look: number) => readonly [string, string]): number {
    const ROUND = 10_000
    let ns = 0
    for (let done = -ROUND; done < looks; done += ROUND) {
      const asked = Array.from({ length: ROUND }, (_, look) => pairOf(look).map(flat))
      const begun = process.cpuUsage()
      for (const [tenant = '', user = ''] of asked) if (memory.get(tenant, user) === undefined) throw new Error('not there')
      const { user, system } = process.cpuUsage(begun)
      // The first round warms up.
      if (done >= 0) ns += (user + system) * 1_000
    }
    return ns / looks
  }
}

/** Bytes that what `make` returns keeps, in the collector's heap and outside of it. */
function heldBy(make: () => unknown): number {
  globalThis.gc?.()
  const before = process.memoryUsage()
  const made = make()
  globalThis.gc?.()
  const after = process.memoryUsage()
  // So that it lives until here.
  if (made === undefined) throw new Error('nothing was made')
  return after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
}

/** In one piece, as a wire brings it; not as it was put together. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

function tenantOf(number: number): string {
  return `tenant-${number % tenants}`
}

/** One role or two, each given at a time of its own; some end. */
function stateOf(number: number): AccessState {
  const assignments = Array.from({ length: 1 + (number % 2) }, (_, index) => ({
    id: flat(randomUUID()),
    role: ROLES[(number + index) % ROLES.length] ?? '',
    validFromMs: 1_760_000_000_000 + 7 * number,
    expiresAtMs: number % 10 === 0 ? 1_790_000_000_000 + number : null,
  }))
  return {
    position: 1_000 + (number % 5_000),
    policyPosition: 3,
    readAtMs: 1_764_000_000_000 + number / 8,
    tenant: { suspended: false, attributes: { region: 'north' } },
    user: { deactivated: false, attributes: { department: ['sales', 'care', 'finance'][number % 3] ?? '' }, epoch: 0 },
    assignments,
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
