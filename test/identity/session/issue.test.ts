/** What access tokens list, and how long they are. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemRandom } from '../../../src/ground/random.ts'
import { openTokenIssuer } from '../../../src/identity/session/issue.ts'
import { openPermissionIndex } from '../../../src/identity/session/permission-index.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { ACCESS_TOKEN_CHARACTERS_MAX, PERMISSION_CLAIM_CHARACTERS_MAX } from '../../../src/model/identity-limits.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { signAccessToken } from '../../../src/token/access-token.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { AUDIENCE, ISSUER, type KeyPair, openKeyPair } from '../../token/tokens.ts'

const SIZES = [21, 100, 500, 1_000, 5_000]
const nameOf = (index: number) => `coding.medical-stay-of-a-longer-name.action-${String(index).padStart(4, '0')}`

function bundle(): PolicyBundle {
  const roles: Record<string, string[]> = { none: [nameOf(0)] }
  for (const size of SIZES) roles[`of-${size}`] = Array.from({ length: size }, (_, index) => nameOf(index))
  const plain = bundleOf({ ...roles, conditional: ['stay.sign'], disabled: ['stay.print'], both: ['stay.sign'] })
  const when = { amount: { $lte: 100 } }
  return {
    ...plain,
    permissions: plain.permissions.map((entry) =>
      entry.name === 'stay.print'
        ? { ...entry, stage: 'disabled' }
        : entry.name === 'stay.sign'
          ? { ...entry, attributes: { amount: 'number' } }
          : entry,
    ),
    roles: plain.roles.map((role) =>
      role.name === 'conditional' ? { ...role, grants: role.grants.map((grant) => ({ ...grant, when })) } : role,
    ),
  }
}

const payloadOf = (token: string): Record<string, unknown> => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('an access token', () => {
  let house: House
  let pair: KeyPair
  const clock = new ManualClock()
  const issued: object[] = []
  const issuerWith = (key: KeyPair['key'], issuer = ISSUER) =>
    openTokenIssuer({
      ...{ issuer, audience: AUDIENCE, accessTokenSeconds: 300, clock, random: systemRandom },
      keys: { current: async () => key },
      resolver: house.freshness.resolver,
      permissionIndex: openPermissionIndex(house.store),
      observe: { issued: (token) => void issued.push(token) },
    })
  const sessionOf = (user: string, tenant: string | null, part: Partial<SessionRecord> = {}): SessionRecord => ({
    ...{
      id: systemRandom.uuid(),
      loginId: systemRandom.uuid(),
      user,
      clientId: 'demo',
      tenant,
      epoch: 4,
      counter: 0,
      rotatedAtMs: 0,
      rotatedAgent: null,
      agent: null,
    },
    ...{ amr: ['email'], cookie: false, authenticatedAtMs: clock.nowMs(), createdAtMs: 0, revokedAtMs: null, revokedReason: null },
    idleExpiresAtMs: clock.nowMs() + 86_400_000,
    expiresAtMs: clock.nowMs() + 86_400_000,
    ...part,
  })
  const grant = (user: string, tenant: string, role: string) => house.administration.grant(house.context, { user, tenant, role })
  const claimsOf = async (user: string, tenant: string | null, part: Partial<SessionRecord> = {}) =>
    payloadOf((await issuerWith(pair.key).issueForSession(sessionOf(user, tenant, part))).accessToken)

  beforeAll(async () => {
    pair = await openKeyPair()
    house = await openHouse(bundle())
  })
  afterAll(() => house.close())

  it('of any number of permissions and the longest ids is never longer than proxies carry', async () => {
    const sizes: Record<string, unknown>[] = []
    const rsa = await openKeyPair('RS256')
    for (const size of SIZES) {
      for (const [name, key, user, tenant] of [
        ['ES256', pair.key, `ann-${size}`, `north-${size}`],
        ['RS256', rsa.key, `a${size}${'"'.repeat(250)}`, `n${size}${'\\'.repeat(250)}`],
      ] as const) {
        await grant(user, tenant, `of-${size}`)
        const { accessToken } = await issuerWith(key).issueForSession(
          sessionOf(user, tenant, { clientId: name === 'RS256' ? '"'.repeat(256) : 'demo' }),
        )
        const payload = payloadOf(accessToken)
        const forms = ['pc', 'pb', 'pov'].filter((claim) => claim in payload)
        expect(forms).toHaveLength(1)
        expect('pv' in payload).toBe('pb' in payload)
        expect(accessToken.length).toBeLessThanOrEqual(ACCESS_TOKEN_CHARACTERS_MAX)
        sizes.push({
          permissions: size,
          key: name,
          ids: user.length > 100 ? 'longest' : 'short',
          form: forms[0],
          characters: accessToken.length,
        })
      }
    }
    process.stdout.write(`${sizes.map((row) => Object.values(row).join(' ')).join('\n')}\n`)
    expect(sizes.filter((row) => row['key'] === 'ES256').map((row) => row['form'])).toEqual(['pc', 'pc', 'pb', 'pb', 'pb'])
  })

  it('lists nothing rather than being too long', async () => {
    const [user, tenant] = [`z${'"'.repeat(255)}`, `z${'\\'.repeat(255)}`]
    await grant(user, tenant, 'of-5000')
    const rsa = await openKeyPair('RS256')
    const { accessToken } = await issuerWith(rsa.key, `https://${'a'.repeat(240)}.example`).issueForSession(
      sessionOf(user, tenant, { clientId: '"'.repeat(256) }),
    )
    expect(payloadOf(accessToken)).toMatchObject({ pov: true })
    expect(payloadOf(accessToken)).not.toHaveProperty('pb')
    expect(accessToken.length).toBeLessThanOrEqual(ACCESS_TOKEN_CHARACTERS_MAX)
    expect(issued.at(-1)).toEqual({ characters: accessToken.length, permissions: 'overage' })
  })

  it('names the session as it is: its epoch, tenant, login and means, and no name and no address', async () => {
    await grant('ann', 'north', 'of-21')
    const session = sessionOf('ann', 'north')
    const { accessToken, expiresInSeconds } = await issuerWith(pair.key).issueForSession(session)
    const iat = Math.floor(clock.nowMs() / 1_000)
    const { pc, jti, ...claims } = payloadOf(accessToken)
    expect(claims).toEqual({
      ...{ iss: ISSUER, aud: AUDIENCE, sub: 'ann', client_id: 'demo', iat, exp: iat + 300, sid: session.id, tid: 'north', epoch: 4 },
      ...{ auth_time: Math.floor(session.authenticatedAtMs / 1_000), amr: ['email'] },
    })
    expect(String(pc).split(' ')).toHaveLength(21)
    expect(jti).toMatch(/^[0-9a-f-]{36}$/)
    expect(expiresInSeconds).toBe(300)
  })

  it('lists nothing that depends on a resource, nothing that is disabled, and nothing where nothing is allowed', async () => {
    await grant('con', 'north', 'conditional')
    await grant('dis', 'north', 'disabled')
    await grant('both', 'north', 'conditional')
    await grant('both', 'north', 'both')
    await grant('ann', 'closed', 'of-21')
    await house.administration.suspendTenant(house.context, 'closed')
    expect(await claimsOf('con', 'north')).toMatchObject({ pc: '' })
    expect(await claimsOf('dis', 'north')).toMatchObject({ pc: '' })
    expect((await claimsOf('both', 'north'))['pc']).toMatch(/^t\.\d+$/)
    expect(await claimsOf('ann', 'closed')).toMatchObject({ pc: '' })
    expect(await claimsOf('nobody', 'nowhere')).toMatchObject({ pc: '' })
    const homeless = await claimsOf('ann', null)
    expect(homeless).toMatchObject({ pc: '' })
    expect(homeless).not.toHaveProperty('tid')
  })

  it('never outlives its session', async () => {
    const soonMs = Math.floor(clock.nowMs() / 1_000) * 1_000 + 20_400
    for (const part of [{ expiresAtMs: soonMs }, { idleExpiresAtMs: soonMs }]) {
      const { exp } = await claimsOf('ann', 'north', part)
      expect(Number(exp) * 1_000).toBeLessThanOrEqual(soonMs)
      expect(Number(exp) * 1_000).toBeGreaterThan(soonMs - 1_000)
    }
    const over = await issuerWith(pair.key).issueForSession(sessionOf('ann', 'north', { expiresAtMs: clock.nowMs() - 5_000 }))
    expect(over.expiresInSeconds).toBe(0)
  })

  it('has bits that say the same as the names, by the index of its version', async () => {
    await grant('bit', 'north', 'of-500')
    const { pb, pv } = await claimsOf('bit', 'north')
    const index = await house.store.identity.listPermissionIndex()
    const bytes = Buffer.from(String(pb), 'base64url')
    const named = index.slice(0, Number(pv)).filter(({ bit }) => ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1)
    expect(named.map((entry) => entry.name).sort()).toEqual(Array.from({ length: 500 }, (_, number) => nameOf(number)))
  })

  it('has bits of permissions that came with a later policy, at the end of the index', async () => {
    const before = await house.store.identity.listPermissionIndex()
    const store = { ...house.store }
    const indexes = [openPermissionIndex(store), openPermissionIndex(store), openPermissionIndex(store)]
    const later = compilePolicy(bundleOf({ late: Array.from({ length: 40 }, (_, index) => `late.thing.do-${index}`) }))
    const bits = await Promise.all(indexes.flatMap((each) => [each.forPolicy(later), each.forPolicy(later)]))
    const after = await house.store.identity.listPermissionIndex()
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.map((entry) => entry.bit)).toEqual(after.map((_, position) => position))
    expect(after).toHaveLength(before.length + 40)
    for (const each of bits) for (const entry of later.bundle.permissions) expect(each.bitOf(entry)).toBe(bits[0]?.bitOf(entry))
  })

  it('that would be too long for what it lists is not signed at all by who signs', async () => {
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'a', client_id: 'a', iat: 1, exp: 2, jti: 'a', scope: 'x'.repeat(4_000) }
    await expect(signAccessToken(claims, pair.key)).rejects.toMatchObject({ code: 'access_token_too_large' })
    expect(PERMISSION_CLAIM_CHARACTERS_MAX).toBeLessThan(ACCESS_TOKEN_CHARACTERS_MAX)
  })
})
