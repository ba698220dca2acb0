/** The witness finds what it is there to find: otherwise a suite that ends well says nothing. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { newCode, newSecret } from '../../src/identity/login/secrets.ts'
import { makeRefreshToken } from '../../src/identity/session/refresh-token.ts'
import { BODY, openLoginHouse } from '../identity/login/login-house.ts'
import { outcome } from '../identity/session/desk.ts'
import { ask, bearer, call, openIdentityWires } from '../identity/transport/identity-wires.ts'
import { bundleOf, type House, openHouse } from './house.ts'
import { openWitness, type Witness } from './witness.ts'

const ACCESS_TOKEN = [
  { alg: 'ES256', typ: 'at+jwt' },
  { sub: 'ann', sid: randomUUID() },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.')
const KINDS = {
  'access token': `${ACCESS_TOKEN}.${Buffer.from(systemRandom.bytes(64)).toString('base64url')}`,
  'refresh token': makeRefreshToken([Buffer.alloc(32, 1)], { sessionId: randomUUID(), counter: 3 }),
  'link token': newSecret(systemRandom),
  'binding cookie': newSecret(systemRandom),
  key: `cst_${newSecret(systemRandom)}`,
}

describe('a witness', () => {
  let house: House
  let witness: Witness
  beforeAll(async () => {
    house = await openHouse(bundleOf({}))
  }, 180_000)
  afterAll(() => house.close())
  beforeEach(() => {
    witness = openWitness()
    for (const [kind, secret] of Object.entries(KINDS)) witness.keep(kind, secret)
  })

  const audit = (part: Record<string, unknown>) =>
    house.store.change((transaction) =>
      transaction.appendAudit({
        ...{ action: 'tenant.put', result: 'applied', actor: 'test', actorName: 'test', tenant: null, user: null, target: null },
        ...{ reason: null, before: null, after: null, position: null, requestId: null },
        ...part,
      }),
    )
  const emptied = async (work: () => Promise<void>) => {
    try {
      await work()
    } finally {
      await house.database.knex.raw('alter table audit_event disable trigger user')
      await house.database.knex('audit_event').where({ action: 'tenant.put' }).delete()
      await house.database.knex.raw('alter table audit_event enable trigger user')
    }
  }

  it('finds nothing where nothing is', async () => {
    witness.log.info({ session: randomUUID() }, 'a line')
    witness.readMetrics(async () => (await openMetrics().text()).body)
    expect(await witness.findings(house.database)).toEqual([])
    await expect(witness.close(house.database)).resolves.toBeUndefined()
  })

  it.each(Object.entries(KINDS))('finds a %s in a line, a metric, an audit row and any other row', async (kind, secret) => {
    witness.log.trace({ deep: { in: [`x${secret}y`] } }, 'leaks')
    expect(await witness.findings(house.database)).toContainEqual({ kind, place: 'log' })
    const metrics = openMetrics()
    metrics.counter('leaks_total', 'leaks', ['by']).inc({ by: `id ${secret}` })
    witness.readMetrics(async () => (await metrics.text()).body)
    expect(await witness.findings(house.database)).toContainEqual({ kind, place: 'metrics' })
    await emptied(async () => {
      await audit({ after: { answer: { said: secret } } })
      await house.administration.putTenant(house.context, { tenant: 'leaky', displayName: `Ward ${secret}` })
      const found = await witness.findings(house.database)
      for (const place of ['audit_event', 'tenant']) expect(found).toContainEqual({ kind, place })
      const said = await witness.close(house.database).catch((fault: Error) => fault.message)
      for (const place of ['log', 'metrics', 'audit_event', 'tenant']) expect(said).toContain(`${kind} in ${place}`)
      expect(said).not.toContain(secret)
    })
    await house.database.knex('tenant').where({ id: 'leaky' }).update({ display_name: null })
  })

  it('finds a token that was kept as bytes, and one of which the signature alone is shown', async () => {
    const hidden = KINDS['link token']
    const id = randomUUID()
    await house.store.change(({ identity }) => identity.insertClient({ id: 'leaky', name: 'x', redirectUris: [] }))
    await house.store.change(({ identity }) =>
      identity.insertChallenge({
        ...{ id, kind: 'login', email: 'a@b.example', user: null, clientId: 'leaky', redirectUri: null, tenant: null, locale: 'en' },
        ...{ agent: null, bindingHash: Buffer.from(hidden, 'base64url'), lifeMs: 1_000, mailState: 'dropped' },
      }),
    )
    expect(await witness.findings(house.database)).toContainEqual({ kind: 'link token', place: 'login_challenge' })
    witness.log.info(KINDS['access token'].split('.')[2] ?? '')
    expect(await witness.findings(house.database)).toContainEqual({ kind: 'access token', place: 'log' })
    await house.database.knex('login_challenge').where({ id }).delete()
  })

  it('finds a code in a message and in an audit row, where it stands alone', async () => {
    const code = newCode(systemRandom)
    witness.hear(`Your code:\n\n${code}\n`)
    expect(witness.kinds()).toMatchObject({ code: 1 })
    witness.log.info({ digits: Number(code), id: `a${code}` }, `at 1${code} of 2.${code}`)
    expect(await witness.findings(house.database)).toEqual([])
    witness.log.info(`the code ${code} was wrong`)
    expect(await witness.findings(house.database)).toEqual([{ kind: 'code', place: 'log' }])
    await emptied(async () => {
      await audit({ after: { code } })
      expect(await witness.findings(house.database)).toContainEqual({ kind: 'code', place: 'audit_event' })
    })
  })

  it('finds a token and a private key by their form, though nobody told it of them', async () => {
    const unaware = openWitness()
    unaware.log.info({ answer: KINDS['access token'] }, 'x')
    unaware.log.info({ key: '-----BEGIN PRIVATE KEY-----', pem: '-----BEGIN PRIVATE KEY-----' }, 'x')
    expect(await unaware.findings(house.database)).toEqual([
      { kind: 'access token', place: 'log' },
      { kind: 'private key', place: 'log' },
    ])
  })
})

describe('what is told to the witness', () => {
  it('is every secret of a login, where logins are tried; and its house does not close in peace when one is logged', async () => {
    const at = await openLoginHouse()
    const { email } = await at.person()
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const { refreshToken } = await at.login.verify({ token }, BODY, browser)
    expect(await outcome(at.desk.sessions.refresh(refreshToken, 'demo', browser))).toBe('ok')
    const { witness, database } = at.house
    const kinds = Object.keys(witness.kinds())
    expect(kinds).toEqual(
      expect.arrayContaining(['link token', 'code', 'binding cookie', 'access token', 'refresh token', 'identity secret']),
    )
    expect(await witness.findings(database)).toEqual([])
    witness.log.debug({ mail: at.mailbox.list()[0]?.text }, 'sent')
    await expect(at.close()).rejects.toThrow('in log')
  }, 180_000)

  it('is every secret that goes over the wire', async () => {
    const wires = await openIdentityWires()
    try {
      const { token, binding } = await ask(wires)
      const { json } = await call(wires, 'POST', '/v1/login/verify', { token }, { cookie: binding })
      await call(wires, 'GET', '/v1/me', undefined, bearer(json.accessToken))
      const { witness, database } = wires.house
      expect(await witness.findings(database)).toEqual([])
      for (const secret of [token, binding.split('=')[1], json.accessToken, json.refreshToken, wires.service.key]) {
        const aware = openWitness()
        aware.log.info(`${secret}`)
        expect(witness.find(aware.lines.join(''))).not.toEqual([])
      }
    } finally {
      await wires.close()
    }
  }, 180_000)
})
