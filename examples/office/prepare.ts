/** What the office needs of a service that has the samples of `castellan dev`: its people, its key, its login. Made through administration. */

export interface Service {
  /** Of decisions and administration. */
  readonly url: string
  readonly identity: string
  /** Of an administrator. */
  readonly key: string
}

export const TENANT = 'acme'

interface Person {
  readonly user: string
  readonly role: string
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** Ann and Sue (sales) and Cleo (finance) are samples of `castellan dev`; Sue covers finance for a week. */
const PEOPLE: readonly Person[] = [
  { user: 'mia', role: 'sales-manager', attributes: { regions: ['north', 'west'] } },
  { user: 'abe', role: 'finance-approver' },
  { user: 'dora', role: 'director' },
  { user: 'ada', role: 'agent' },
]

export const WHO: readonly string[] = [
  'ann   writes quotes, sends those up to 10 000',
  'sue   as ann, and covers finance for a week',
  'mia   approves quotes of the north and the west, never her own',
  'cleo  prepares payouts',
  'abe   releases payouts, never his own',
  'dora  is the director: looks at everything, changes nothing',
  'ada   answers tickets in English',
]

/** @returns the key that the office asks with: decisions of its tenant, nothing else */
export async function prepare(service: Service, origin: string): Promise<string> {
  for (const { user, role, attributes } of PEOPLE) {
    const email = `${user}@example.org`
    await call(service.url, service.key, 'PUT', `/v1/users/${user}`, { email, ...(attributes === undefined ? {} : { attributes }) })
    await call(service.url, service.key, 'POST', assignmentsOf(user), { role, reason: 'example' })
  }
  await call(service.identity, service.key, 'PUT', '/v1/login-clients/office', {
    name: 'The office',
    redirectUris: [`${origin}/signed-in`],
  })
  const caller = { name: 'office', scopes: ['decide'], tenants: [TENANT], reason: 'example' }
  const { key } = await call(service.url, service.key, 'POST', '/v1/callers', caller)
  if (typeof key !== 'string') throw new Error('The service made no key')
  return key
}

/** Gives somebody from sales the work of finance for some minutes; it ends by itself. */
export async function giveCover(service: Service, user: string, nowMs: number): Promise<void> {
  const expiresAt = new Date(nowMs + COVER_MS).toISOString()
  await call(service.url, service.key, 'POST', assignmentsOf(user), { role: COVER, expiresAt, reason: 'covers for a colleague' })
}

export async function endCover(service: Service, user: string): Promise<void> {
  await call(service.url, service.key, 'DELETE', `${assignmentsOf(user)}?role=${COVER}`)
}

const COVER = 'finance-cover'
const COVER_MS = 10 * 60_000

function assignmentsOf(user: string): string {
  return `/v1/tenants/${TENANT}/users/${encodeURIComponent(user)}/assignments`
}

async function call(url: string, key: string, method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const message = (await answer.json()) as Readonly<Record<string, unknown>>
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${String(message['detail'])}`)
  return message
}
