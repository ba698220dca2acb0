/** What the client is told when it is made, and what it is asked: mistakes are named before anything travels. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from '@jest/globals'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import { InvalidRequestError } from '../../../src/client/errors.ts'

const KEY = 'cst_a-key-nobody-may-read'
const credentials = { key: KEY }
// biome-ignore lint/suspicious/noExplicitAny: what a caller without types may pass
type Anything = any

describe('createClient', () => {
  it.each([
    ['nothing', undefined, /takes \{ target, credentials/],
    ['no target', { credentials }, /^target is required/],
    ['an http address', { target: 'http://127.0.0.1:9090', credentials }, /createHttpClient/],
    ['no port', { target: 'dns:///localhost', credentials }, /each with its port/],
    ['a port that is none', { target: 'localhost:99999', credentials }, /each with its port/],
    ['no credentials', { target: 'localhost:9090' }, /^credentials are required/],
    ['no key', { target: 'localhost:9090', credentials: {} }, /^credentials.key is required/],
    ['a key with its line break', { target: 'localhost:9090', credentials: { key: `${KEY}\n` } }, /trim/],
    ['a key of two headers', { target: 'localhost:9090', credentials: { key: `${KEY}\r\nx: y` } }, /visible ASCII/],
    ['half a pair', { target: 'localhost:9090', credentials: { key: KEY, tls: { cert: 'x' } } }, /go together/],
    ['a misspelt option', { target: 'localhost:9090', credentials, deadline: 5 }, /deadline is not known; there are .*deadlineMs/],
    ['a misspelt option of TLS', { target: 'localhost:9090', credentials: { key: KEY, tls: { root: 'x' } } }, /tls\.root is not known/],
    ['a deadline of 0', { target: 'localhost:9090', credentials, deadlineMs: 0 }, /^deadlineMs must be/],
    ['half a retry', { target: 'localhost:9090', credentials, retries: 0.5 }, /^retries must be/],
  ])('refuses %s, and says what to write', (_name, options, message) => {
    const made = () => createClient(options as Anything)
    expect(made).toThrow(TypeError)
    expect(made).toThrow(message)
    expect(made).not.toThrow(KEY)
  })

  it.each([
    'dns:///castellan:9090',
    'castellan.example:9090',
    '10.0.0.1:9090',
    'ipv4:127.0.0.1:9090,10.0.0.1:9090',
    'ipv6:[2001:db8::1]:9090',
    'localhost.example:9090',
    '127.example:9090',
  ])('sends the key to %s only encrypted, or when it is said', async (target) => {
    expect(() => createClient({ target, credentials })).toThrow(/in the clear.*credentials\.tls.*insecure: true/)
    await createClient({ target, credentials, insecure: true }).close()
    await createClient({ target, credentials: { key: KEY, tls: true } }).close()
  })

  it.each([
    'dns:///localhost:9090',
    '127.0.0.1:9090',
    'ipv4:127.0.0.1:1,127.0.0.2:2',
    'ipv6:[::1]:9090',
    '[::1]:9090',
    'unix:/run/castellan.sock',
  ])('takes %s, which is on this machine', async (target) => await createClient({ target, credentials }).close())
})

describe('createHttpClient', () => {
  it.each([
    ['no url', { credentials }, /^url is required/],
    ['another scheme', { url: 'ftp://localhost', credentials }, /^url is required/],
    ['a password in the address', { url: 'http://ann:secret@localhost', credentials }, /no user and no password/],
    ['a query', { url: 'http://localhost?x=1', credentials }, /end with its path/],
    ['TLS for http', { url: 'http://localhost', credentials: { key: KEY, tls: true } }, /https/],
    ['the clear', { url: 'http://castellan.example', credentials }, /in the clear.*https/],
    ['a misspelt option', { url: 'http://localhost', credentials, target: 'x' }, /target is not known/],
  ])('refuses %s, and says what to write', (_name, options, message) => {
    const made = () => createHttpClient(options as Anything)
    expect(made).toThrow(TypeError)
    expect(made).toThrow(message)
    expect(made).not.toThrow(/secret|nobody-may-read/)
  })

  it('loads no package', () => {
    const loader = fileURLToPath(new URL('loaded-packages.mjs', import.meta.url))
    const entry = fileURLToPath(new URL('../../../src/client/exports/http.ts', import.meta.url))
    const run = spawnSync(
      process.execPath,
      ['--import', loader, '--input-type=module', '--eval', `await import(${JSON.stringify(`file://${entry}`)})`],
      {
        encoding: 'utf8',
        timeout: 60_000,
      },
    )
    const loaded = run.stdout.split('\n').filter((line) => line !== '')
    expect([run.status, run.stderr]).toEqual([0, ''])
    expect(loaded.some((address) => address.endsWith('/wires/http-wire.ts'))).toBe(true)
    expect(loaded.filter((address) => address.includes('node_modules'))).toEqual([])
    expect(loaded.filter((address) => address.includes('grpc'))).toEqual([])
  })
})

describe('a question', () => {
  // Nobody listens there: what is wrong is found before.
  const client = createHttpClient({ url: 'http://127.0.0.1:1', credentials, deadlineMs: 50, retries: 0 })
  afterAll(async () => await client.close())
  const good = { user: 'ann', tenant: 'acme', permission: 'finance.read' }

  it.each([
    ['no user', { ...good, user: undefined }, 'user'],
    ['an empty tenant', { ...good, tenant: '' }, 'tenant'],
    ['a number for a user', { ...good, user: 7 }, 'user'],
    ['no permission', { ...good, permission: undefined }, 'permission'],
    ['a user beside a token', { ...good, accessToken: 'x' }, 'user'],
    ['an empty token', { accessToken: '', permission: 'finance.read' }, 'accessToken'],
    ['a misspelt field', { ...good, ressource: {} }, 'ressource'],
    ['a resource that is a list', { ...good, resource: [] }, 'resource'],
    ['what JSON cannot carry', { ...good, resource: { amount: 5n } }, 'resource.amount'],
    ['a number that is none', { ...good, resource: { list: [1, Number.NaN] } }, 'resource.list[1]'],
    ['half a character', { ...good, resource: { name: '\ud800' } }, 'resource.name'],
    ['a circle', { ...good, resource: circle() }, 'resource.self'],
    ['a name of prototypes', { ...good, resource: JSON.parse('{"__proto__":{"amount":1}}') }, 'resource'],
  ])('with %s is refused by its name', async (_name, question, field) => {
    const fault = await client.check(question as Anything).catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(InvalidRequestError)
    expect(fault).toMatchObject({ code: 'request_invalid', violations: expect.arrayContaining([expect.objectContaining({ field })]) })
    await expect(client.checkAll([good, question as Anything])).rejects.toMatchObject({
      violations: expect.arrayContaining([expect.objectContaining({ field: `questions[1].${field}` })]),
    })
  })

  it.each([
    ['a deadline of minus 1', { deadlineMs: -1 }, 'options.deadlineMs'],
    ['a position as text', { minPosition: '5' }, 'options.minPosition'],
    ['no signal', { signal: {} }, 'options.signal'],
    ['a misspelt name', { timeout: 5 }, 'options.timeout'],
  ])('with %s among its options is refused by its name', async (_name, options, field) => {
    await expect(client.check(good, options as Anything)).rejects.toMatchObject({ code: 'request_invalid', violations: [{ field }] })
  })

  it('about a subject that is none is refused where it is bound, and a token lists nothing', async () => {
    expect(() => client.for({ user: 'ann' } as Anything)).toThrow(InvalidRequestError)
    await expect(client.for({ accessToken: 'x' }).listPermissions()).rejects.toMatchObject({ violations: [{ field: 'accessToken' }] })
  })

  it('that is good reaches the wire', async () => {
    await expect(client.check({ ...good, resource: { when: new Date(0), nothing: undefined } })).rejects.toMatchObject({
      name: 'UnavailableError',
    })
  })
})

function circle(): object {
  const one: Record<string, unknown> = {}
  one['self'] = one
  return one
}
