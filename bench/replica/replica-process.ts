/** Run by run-points.ts with `--expose-gc`: fills a replica's memory as its standard input asks, point after point, measures warm checks, tells. */
import { setImmediate } from 'node:timers/promises'
import { crowdPolicy, crowdState, permissionName, tenantName, userName } from './crowd.ts'
import { ID_CHARACTERS, type PointAsked, type PointTold } from './points.ts'
import type { Replica } from './replica.ts'
import { openWarmReplica } from './warm-replica.ts'

/** All of a million with room to spare: what is measured is what an entry takes, not what a bound lets in. */
const CACHE_BYTES = 4 * 1_073_741_824
/** Between two turns of the event loop, on which the feed is read. */
const BATCH = 256
/** Asked about before anything is measured: some of each combination of roles, which repeat after every hundred people. */
const ACQUAINTED = 5_000
const NEVER = new AbortController().signal

let input = ''
for await (const text of process.stdin.setEncoding('utf8')) input += text
for (const point of JSON.parse(input) as PointAsked[]) process.stdout.write(`${JSON.stringify(await measurePoint(point))}\n`)
process.exit()

async function measurePoint(point: PointAsked): Promise<PointTold> {
  const replica = await openWarmReplica(crowdPolicy(point), CACHE_BYTES, (_, user) => crowdState(user, point))
  try {
    // What is made once for a combination of roles, and by the engine for code that runs often, belongs to no entry.
    for (let number = 0; number < Math.min(point.users, ACQUAINTED); number += 1) await ask(replica, point, number)
    replica.memory.clear()
    const before = await heldBytes()
    for (let number = 0; number < point.users; number += 1) {
      await ask(replica, point, number)
      if (number % BATCH === 0) await setImmediate()
    }
    const bytes = (await heldBytes()) - before
    const { entries, bytes: bytesCounted } = replica.memory
    const nanoseconds: number[] = []
    // The first is thrown away, and where none counts there is none.
    for (let round = 0; round <= point.rounds && point.rounds > 0; round += 1) {
      const each = await warmNanoseconds(replica, point)
      if (round > 0) nanoseconds.push(each)
    }
    return { nanoseconds, entries, bytes, bytesCounted }
  } finally {
    await replica.close()
  }
}

async function ask({ decisions }: Replica, point: PointAsked, number: number): Promise<void> {
  await decisions.check({ user: userName(number), tenant: tenantName(number % point.tenants), permission: permissionName(0) }, NEVER)
}

/** Once all that is not held is gone: it takes more than one round, since what is freed by one may hold what the next one frees. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Names lie in bytes as on a wire, and each question makes texts of its own: nothing is found by being the same text. */
async function warmNanoseconds({ decisions, memory }: Replica, point: PointAsked): Promise<number> {
  const [users, tenants] = [namesOf(point.users, userName), namesOf(point.tenants, tenantName)]
  const permissions = namesOf(point.permissions, (index) => permissionName(index).padEnd(ID_CHARACTERS))
  const lengths = Array.from({ length: point.permissions }, (_, index) => permissionName(index).length)
  let [asked, spentMicros, missed, state] = [0, 0, 0, 1]
  while (spentMicros < point.seconds * 1_000_000) {
    await setImmediate()
    const begun = process.cpuUsage()
    for (let at = 0; at < BATCH; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const number = Math.floor((state / 0x1_0000_0000) * point.users)
      const permission = state % point.permissions
      const question = {
        user: textAt(users, number, ID_CHARACTERS),
        tenant: textAt(tenants, number % point.tenants, ID_CHARACTERS),
        permission: textAt(permissions, permission, lengths[permission] ?? 0),
      }
      if (decisions.recallCheck(question) === undefined) missed += 1
    }
    const { user, system } = process.cpuUsage(begun)
    spentMicros += user + system
    asked += BATCH
  }
  // A few are on the wrong side of a reading of the feed that a busy machine delayed.
  if (memory.entries === point.users && missed > asked / 10)
    throw new Error(`${missed} of ${asked} warm questions were not answered from memory`)
  return (spentMicros * 1_000) / asked
}

function namesOf(count: number, name: (number: number) => string): Buffer {
  const bytes = Buffer.alloc(count * ID_CHARACTERS)
  for (let number = 0; number < count; number += 1) bytes.write(name(number), number * ID_CHARACTERS, 'latin1')
  return bytes
}

function textAt(names: Buffer, number: number, length: number): string {
  return names.toString('latin1', number * ID_CHARACTERS, number * ID_CHARACTERS + length)
}
