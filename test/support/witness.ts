/**
 * Hears what a house logs, and every secret that it gives out or is given; looks at the end whether one is in a line, a metric or a row.
 * Knows what secrets look like, not how they come about.
 */
import { Buffer } from 'node:buffer'
import { type Log, openLog } from '../../src/ground/log.ts'
import type { Mailer } from '../../src/identity/mail/mailer.ts'
import type { Database } from '../../src/store/database.ts'

/** Where something that nobody may read was found, and of what kind it is. Never what it is: reports of tests are logs too. */
export interface Finding {
  readonly kind: string
  readonly place: string
}

export interface Witness {
  /** Of every level: whatever may be logged is. */
  readonly log: Log
  readonly lines: readonly string[]
  keep(kind: string, ...secrets: readonly (string | Uint8Array)[]): void
  /** What is sent or answered, as text: mails, bodies, headers. */
  hear(text: string): void
  /** The same part, whose arguments and answers are heard. */
  overhear<T extends object>(part: T): T
  overhearMails(mailer: Mailer): Mailer
  /** Text that a scrape would get. */
  readMetrics(text: () => Promise<string>): void
  /** How many secrets of each kind are known. */
  kinds(): Readonly<Record<string, number>>
  /** In this text alone. */
  find(text: string): readonly Finding[]
  findings(database: Database): Promise<readonly Finding[]>
  /** Before the database is closed. Looks only where something was kept. @throws when something is found */
  close(database: Database): Promise<void>
}

/** Names under which our answers and arguments carry secrets. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ...['accessToken', 'access_token', 'subject_token'].map((name) => [name, 'access token'] as const),
  ...['refreshToken', 'refresh_token'].map((name) => [name, 'refresh token'] as const),
  ...[['binding', 'binding cookie'] as const, ['token', 'token'] as const, ['key', 'key'] as const],
])
const JWT = /\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g
const LINK = /\/login\/verify#([\w-]{43})/g
const CODE_LINE = /^(\d{6})\r?$/gm
const COOKIE = /__Host-castellan-(\w+)=([\w-]{20,})/g
const CALLER_KEY = /\bcst_[\w-]{43}/g
const REFRESH_TOKEN = /^[\w-]{72}$/
/** Nothing of ours that is shorter is a secret, but the codes. */
const SECRET_CHARACTERS_MIN = 14
/** Of its end, by which it is looked for: the beginnings of tokens are alike. */
const INDEXED_CHARACTERS = 12
/** These are found by their form, whoever made them. */
const FORMS: readonly (readonly [string, RegExp])[] = [
  ['access token', /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}/],
  ['private key', /PRIVATE KEY|"d"\s*:\s*"[\w-]{40,}"/],
]

/** @param told each line, as it is written */
export function openWitness(told: (line: string) => void = () => undefined): Witness {
  const lines: string[] = []
  const secrets = new Map<string, string>()
  const codes = new Set<string>()
  const metrics: (() => Promise<string>)[] = []
  const write = (line: string) => {
    lines.push(line)
    told(line)
  }

  /** What it was called first. */
  const know = (secret: string, kind: string) => {
    if (!secrets.has(secret)) secrets.set(secret, kind)
  }

  function keep(kind: string, ...given: readonly (string | Uint8Array)[]): void {
    for (const secret of given) {
      if (typeof secret !== 'string') keepBytes(kind, secret)
      else if (/^\d{6}$/.test(secret)) codes.add(secret)
      else if (secret.length >= SECRET_CHARACTERS_MIN) {
        know(secret, kind)
        // As bytes, it would stand in the database like this; and so would what its text stands for.
        know(Buffer.from(secret).toString('hex'), kind)
        if (/^[\w-]+$/.test(secret)) know(Buffer.from(secret, 'base64url').toString('hex'), kind)
        // What makes a token good: without it the rest proves nothing to anybody.
        const signature = /^[\w-]+\.[\w-]+\.([\w-]{20,})$/.exec(secret)?.[1]
        if (signature !== undefined) know(signature, kind)
      }
    }
  }

  function keepBytes(kind: string, bytes: Uint8Array): void {
    for (const form of ['hex', 'base64', 'base64url'] as const) know(Buffer.from(bytes).toString(form), kind)
  }

  function hear(text: string): void {
    for (const [token] of text.matchAll(JWT)) keep('access token', token)
    for (const [key] of text.matchAll(CALLER_KEY)) keep('key', key)
    for (const [, token = ''] of text.matchAll(LINK)) keep('link token', token)
    for (const [, code = ''] of text.matchAll(CODE_LINE)) keep('code', code)
    for (const [, name, value = ''] of text.matchAll(COOKIE)) keep(name === 'login' ? 'binding cookie' : 'refresh token', value)
    if (REFRESH_TOKEN.test(text)) keep('refresh token', text)
    if (text.startsWith('{')) hearValue(parsed(text) ?? null)
  }

  /** By names, some steps deep; records of ours are not deeper. */
  function hearValue(value: unknown, depth = 0): void {
    if (typeof value === 'string') hear(value)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array || depth > 4) return
    for (const [name, part] of Object.entries(value)) {
      const kind = FIELDS.get(name)
      if (kind !== undefined && typeof part === 'string') keep(kind, part)
      hearValue(part, depth + 1)
    }
  }

  function overhear<T extends object>(part: T): T {
    return new Proxy(part, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function') return found
        return (...given: unknown[]) => {
          for (const value of given) hearValue(value)
          const answer: unknown = Reflect.apply(found, target, given)
          if (!(answer instanceof Promise)) return answer
          return answer.then((value: unknown) => {
            hearValue(value)
            return value
          })
        }
      },
    })
  }

  async function findings(database: Database): Promise<readonly Finding[]> {
    const find = finder(secrets)
    const found: Finding[] = lines.flatMap((line) => [...find('log', line), ...findCodes(codes, 'log', messagesOf(line))])
    for (const text of metrics) found.push(...find('metrics', await text()))
    for (const table of await tablesOf(database)) {
      const rows: { rows: readonly { readonly row: string }[] } = await database.knex.raw('select t::text as row from ?? t', [table])
      found.push(...find(table, rows.rows.map(({ row }) => row).join('\n')))
    }
    const said = await database.knex('audit_event').select('before', 'after', 'reason', 'target')
    found.push(...findCodes(codes, 'audit_event', said.map((row) => JSON.stringify(Object.values(row))).join('\n')))
    return found
  }

  return {
    log: openLog('trace', { write }),
    lines,
    keep,
    hear,
    overhear,
    overhearMails: (mailer) => ({
      send(mail, signal) {
        hear(mail.text)
        return mailer.send(mail, signal)
      },
    }),
    readMetrics: (text) => void metrics.push(text),
    kinds() {
      const counted: Record<string, number> = codes.size === 0 ? {} : { code: codes.size }
      for (const kind of secrets.values()) counted[kind] = (counted[kind] ?? 0) + 1
      return counted
    },
    find: (text) => finder(secrets)('text', text),
    findings,
    async close(database) {
      if (secrets.size === 0 && codes.size === 0) return
      const found = new Set((await findings(database)).map(({ kind, place }) => `${kind} in ${place}`))
      if (found.size > 0) throw new Error(`Somebody may read what nobody may: ${[...found].join(', ')}`)
    },
  }
}

/** One way over a text, however many secrets there are. */
function finder(secrets: ReadonlyMap<string, string>): (place: string, text: string) => readonly Finding[] {
  const byEnd = new Map<string, string[]>()
  for (const secret of secrets.keys()) {
    const end = secret.slice(-INDEXED_CHARACTERS)
    byEnd.set(end, [...(byEnd.get(end) ?? []), secret])
  }
  return (place, text) => {
    const found: Finding[] = FORMS.flatMap(([kind, form]) => (form.test(text) ? [{ kind, place }] : []))
    for (let at = 0; at + INDEXED_CHARACTERS <= text.length; at++) {
      const ending = byEnd.get(text.slice(at, at + INDEXED_CHARACTERS))
      const end = at + INDEXED_CHARACTERS
      for (const secret of ending ?? [])
        if (text.slice(Math.max(0, end - secret.length), end) === secret) found.push({ kind: secrets.get(secret) ?? 'secret', place })
    }
    return found
  }
}

/** Six digits stand in many a number: a code stands alone. */
function findCodes(codes: ReadonlySet<string>, place: string, text: string): readonly Finding[] {
  return [...text.matchAll(/(?<![\w.-])\d{6}(?![\w.-])/g)].flatMap(([digits]) => (codes.has(digits) ? [{ kind: 'code', place }] : []))
}

/** What a line says, without its time. */
function messagesOf(line: string): string {
  const { time, ...said } = parsed(line) ?? {}
  return JSON.stringify(Object.values(said).filter((value) => typeof value !== 'number'))
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

async function tablesOf(database: Database): Promise<readonly string[]> {
  const tables: { rows: readonly { readonly name: string }[] } = await database.knex.raw(
    'select tablename as name from pg_tables where schemaname = current_schema() order by 1',
  )
  return tables.rows.map(({ name }) => name)
}
