/** A service with a published policy and people who hold its roles, and the command line of those who release policies there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runCommandLine } from '../../../src/main/command-line/run.ts'
import type { Terminal } from '../../../src/main/command-line/terminal.ts'
import { ADMIN_KEY, openWires, type Wires } from '../../decision/transport/wires.ts'

/** Names and codes of the first three are those that the wires begin with. */
const CATALOGUE = `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: office, owner: it@office.example }
permissions:
  coding.medical-stay.read: { code: t.0, title: Read a stay }
  coding.medical-stay.validate: { code: t.1, title: Validate a stay, risk: high }
  finance.read: { code: t.2, title: Read finance }
  finance.payout.create: { code: f.pc, title: Prepare a payout, risk: high, attributes: { amount: number } }
  finance.payout.approve: { code: f.pa, title: Release a payout, risk: high }
`
const ROLES = `---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: office, owner: it@office.example }
roles:
`

/** One file a policy: the catalogue and these roles. */
export function policyOf(roles: string, more = ''): string {
  return `${CATALOGUE}${ROLES}${roles}${more}`
}

export const BEFORE = policyOf(`  approver: { title: Approver, permissions: [finance.payout.approve] }
  clerk: { title: Clerk, permissions: [finance.read, finance.payout.create] }
  coder: { title: Coder, permissions: [coding.medical-stay.read, coding.medical-stay.validate] }
  cover: { title: Cover, permissions: [finance.payout.approve] }
  old: { title: Old, permissions: [finance.read] }
  reader: { title: Reader, permissions: [coding.medical-stay.read] }
`)

/** Coders lose, readers gain, clerks are held to small payouts, who covers tomorrow reads too, a role is gone, and four eyes are wanted. */
export const AFTER = policyOf(
  `  approver: { title: Approver, permissions: [finance.payout.approve] }
  clerk:
    title: Clerk
    permissions:
      - finance.read
      - { permission: finance.payout.create, when: { amount: { $lte: 100 } }, reason: Small ones }
  coder: { title: Coder, permissions: [coding.medical-stay.read] }
  cover: { title: Cover, permissions: [finance.payout.approve, finance.read] }
  reader: { title: Reader, permissions: [coding.medical-stay.read, coding.medical-stay.validate] }
`,
  `---
apiVersion: castellan/v1
kind: Constraints
metadata: { name: office, owner: audit@office.example }
constraints:
  - { id: four-eyes, type: separation-of-duty, permissions: [finance.payout.create, finance.payout.approve], max: 1, enforce: reject }
`,
)

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface ReleaseDesk {
  readonly wires: Wires
  readonly url: string
  /** May publish, and see nobody. */
  readonly publisherKey: string
  /** Begin of Eve's cover, which is to come. */
  readonly coverFrom: string
  /** Runs a command as its administrator, unless the key is another one. */
  run(args: readonly string[], key?: string, terminal?: Partial<Terminal>): Promise<Ran>
  /** A folder of policy files; `files` by name. */
  folder(files: Readonly<Record<string, string>> | string): string
  close(): Promise<void>
}

/**
 * `BEFORE` is in force. In north: ann a coder, bob a reader. In south: cleo clerk and approver, dan a clerk whose account is closed, eve covers
 * tomorrow, fay holds what is going to be gone.
 */
export async function openReleaseDesk(): Promise<ReleaseDesk> {
  const wires = await openWires()
  const top = mkdtempSync(join(tmpdir(), 'castellan-desk-'))
  const url = `http://127.0.0.1:${wires.http.port}`
  let folders = 0
  const desk: Omit<ReleaseDesk, 'publisherKey' | 'coverFrom'> = {
    wires,
    url,
    async run(args, key = ADMIN_KEY, terminal = {}) {
      const written = { out: '', err: '' }
      const code = await runCommandLine(args, {
        out: (text) => {
          written.out += text
        },
        err: (text) => {
          written.err += text
        },
        environment: { CASTELLAN_URL: url, CASTELLAN_KEY: key },
        colours: false,
        nowMs: () => Date.now(),
        ...terminal,
      })
      return { code, ...written }
    },
    folder(files) {
      const folder = join(top, String(++folders))
      const all = typeof files === 'string' ? { 'policy.yaml': files } : files
      for (const [name, text] of Object.entries(all)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
      return folder
    },
    async close() {
      rmSync(top, { recursive: true, force: true })
      await wires.close()
    },
  }
  const { administration, context } = wires.house
  const published = await desk.run(['policy', 'publish', desk.folder(BEFORE), '--activate', '--no-git', '--reason', 'begin'])
  if (published.code !== 0) throw new Error(published.err)
  for (const [user, role] of [
    ['cleo', 'clerk'],
    ['cleo', 'approver'],
    ['dan', 'clerk'],
    ['fay', 'old'],
  ] as const)
    await administration.grant(context, { tenant: 'south', user, role })
  const validFromMs = Date.now() + 86_400_000
  await administration.grant(context, { tenant: 'south', user: 'eve', role: 'cover', validFromMs, expiresAtMs: validFromMs + 3_600_000 })
  await administration.deactivateUser(context, 'dan')
  const { key } = await administration.createCaller(context, { name: 'publisher', scopes: ['publish'] })
  return { ...desk, publisherKey: key, coverFrom: new Date(validFromMs).toISOString() }
}
