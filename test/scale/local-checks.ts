/**
 * How many checks a second of one processor are answered from memory, and what an entry takes; a service in process, no wire; prints figures, asserts none.
 * `node --expose-gc --import ./test/chaos/typescript.mjs test/scale/local-checks.ts [--pairs 10000] [--seconds 3]`
 */
import { parseArgs } from 'node:util'
import { openClient } from '../../src/client/asking/open-client.ts'
import type { Question } from '../../src/client/client.ts'
import { readLocalOptions } from '../../src/client/local/local-options.ts'
import { openLocal } from '../../src/client/local/open-local.ts'
import type { AccessListener, AccessWire } from '../../src/client/wires/access-wire.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { canonicalBundle, canonicalText, revisionOf } from '../../src/policy/canonical.ts'
import { readPolicy } from '../decision/random-policy.ts'

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '10000' }, seconds: { type: 'string', default: '3' } } })
const [pairs, seconds] = [Number(values.pairs), Number(values.seconds)]

const names = Array.from({ length: 60 }, (_, number) => `work.page-${number}.read`)
const { bundle } = readPolicy({
  catalogue: {
    apiVersion: 'castellan/v1',
    kind: 'PermissionCatalogue',
    metadata: { service: 'work', owner: 'o' },
    permissions: Object.fromEntries(
      names.map((name, number) => [name, { code: `c.${number}`, title: name, attributes: { by: 'string' } }]),
    ),
  },
  roles: {
    reader: { title: 'Reader', permissions: names.slice(0, 30) },
    owner: { title: 'Owner', permissions: names.slice(30, 40).map((permission) => ({ permission, when: { by: { $var: 'user.id' } } })) },
  },
  constraints: [],
})
if (bundle === undefined) throw new Error('the policy is wrong')
const content = canonicalText(canonicalBundle(bundle))
const revision = revisionOf(content)

const wire: AccessWire = {
  loadAccess: async ({ user }) => ({
    incarnation: 'one',
    policyRevision: revision,
    state: {
      position: 1,
      policyPosition: 1,
      readAtMs: Date.now(),
      tenant: { suspended: false, attributes: { region: 'north' } },
      user: { deactivated: false, attributes: { department: 'sales', level: 3 }, epoch: 0 },
      assignments: [
        { id: `${user}-1`.padEnd(36, '-'), role: 'reader', validFromMs: 0, expiresAtMs: null },
        { id: `${user}-2`.padEnd(36, '-'), role: 'owner', validFromMs: 0, expiresAtMs: null },
      ],
    },
  }),
  loadPolicy: async () => content,
  watch: (_from, listener: AccessListener) => {
    queueMicrotask(() =>
      listener.event({
        kind: 'opened',
        incarnation: 'one',
        position: 1,
        resumed: false,
        callerDigest: 'c',
        policy: { revision, position: 1 },
      }),
    )
    return {
      beat: (beat) =>
        queueMicrotask(() =>
          listener.event({ kind: 'heartbeat', beat, position: 1, ageMs: 0, fresh: true, databaseBeforeMs: Date.now() + 1 }),
        ),
      end: () => undefined,
    }
  },
}
const nobody = async (): Promise<never> => {
  throw new Error('the service was asked')
}
const local = openLocal({
  service: { check: nobody, checkAll: nobody, listPermissions: nobody, close: async () => undefined },
  wire,
  plan: readLocalOptions({ entriesMax: 4 * pairs, bytesMax: 4_096 * pairs }),
  deadlineMs: 5_000,
  clock: systemClock,
  random: systemRandom,
})
const client = openClient(local)
while (local.status().state !== 'fresh') await new Promise((resolve) => setTimeout(resolve, 5))

const users = Array.from({ length: pairs }, (_, number) => `user-${number}@example.test`)
const questionOf = (number: number): Question => ({
  user: users[number % pairs] ?? '',
  tenant: 'tenant-1',
  permission: names[number % 3] ?? '',
})
const questions = users.map((_, number) => questionOf(number))
const owned = users.map(
  (user, number): Question => ({ user, tenant: 'tenant-1', permission: names[30 + (number % 3)] ?? '', resource: { by: user } }),
)

globalThis.gc?.()
const before = process.memoryUsage().heapUsed
for (const [number, { user = '' }] of questions.entries()) {
  if (number % 100 === 0) await turn()
  await local.listPermissions({ user, tenant: 'tenant-1' })
}
globalThis.gc?.()
const loaded = process.memoryUsage().heapUsed
for (const [number, question] of questions.entries()) {
  if (number % 100 === 0) await turn()
  await local.check(question)
}
globalThis.gc?.()
const asked = process.memoryUsage().heapUsed
const { entries, bytes } = local.status()
print(
  `entries     ${entries}: ${Math.round((loaded - before) / pairs)} bytes each, ${Math.round((asked - before) / pairs)} with one verdict; counted as ${Math.round(bytes / entries)}`,
)

await measure('peek', questions, (question) => local.peek(question))
await measure('peek, condition', owned, (question) => local.peek(question))
await measureAwaited('check', questions)
await measureAwaited('check, condition', owned)
await client.close()

async function measure(name: string, asked: readonly Question[], run: (question: Question) => unknown): Promise<void> {
  let [count, spent] = [0, 0]
  while (spent < seconds * 1_000) {
    await turn()
    const begun = process.cpuUsage()
    for (const question of asked) if (run(question) === undefined) throw new Error('not answered from memory')
    spent += spentMs(begun)
    count += asked.length
  }
  told(name, count, spent)
}

async function measureAwaited(name: string, asked: readonly Question[]): Promise<void> {
  let [count, spent] = [0, 0]
  while (spent < seconds * 1_000) {
    await turn()
    const begun = process.cpuUsage()
    for (const question of asked) await client.check(question)
    spent += spentMs(begun)
    count += asked.length
  }
  told(name, count, spent)
}

/** Between two of them timers run, and heartbeats are heard. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Of the processor, not of the clock: others may use the machine as well. */
function spentMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

function told(name: string, count: number, ms: number): void {
  print(`${name.padEnd(18)} ${Math.round(count / (ms / 1_000)).toLocaleString('en')} a second, ${Math.round((ms * 1e6) / count)} ns each`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
