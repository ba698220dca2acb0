/** Settings of the identity service: what would make tokens worthless or links point elsewhere is refused at the start. */
import { describe, expect, it } from '@jest/globals'
import { printableSettings, SettingsError } from '../../src/ground/settings.ts'
import { settingTable } from '../../src/main/setting-table.ts'
import { readDevSettings, readIdentitySettings, readServeSettings } from '../../src/main/settings.ts'

const database = { CASTELLAN_DATABASE_URL: 'postgres://castellan:pass@127.0.0.1/castellan' }
const secret = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const identity = {
  ...database,
  CASTELLAN_ISSUER: 'https://login.example.org',
  CASTELLAN_TOKEN_AUDIENCE: 'castellan',
  CASTELLAN_IDENTITY_SECRET: secret(1),
  CASTELLAN_SMTP_URL: 'smtp://mail.example.org:2525',
  CASTELLAN_MAIL_FROM: 'login@example.org',
}

function faultsOf(read: () => unknown): { readonly names: readonly string[]; readonly message: string } {
  try {
    read()
  } catch (fault) {
    if (fault instanceof SettingsError) return { names: fault.faults.map((one) => one.name), message: fault.message }
    throw fault
  }
  return { names: [], message: '' }
}
const identityFaults = (more: Readonly<Record<string, string>>) => faultsOf(() => readIdentitySettings({ ...identity, ...more })).names

describe('settings of the identity service', () => {
  it('requires what no login can do without, all named at once', () => {
    expect(faultsOf(() => readIdentitySettings({})).names).toEqual(Object.keys(identity).sort())
    expect(readIdentitySettings(identity)).toMatchObject({
      identityHost: '127.0.0.1',
      identityPort: 8081,
      issuer: 'https://login.example.org',
      accessTokenSeconds: 300,
      tokenAlgorithm: 'ES256',
      signUp: false,
      loginSameBrowser: false,
      refreshGraceSeconds: 10,
      trustProxyHops: 0,
      adminTenant: undefined,
    })
  })

  it.each([
    'http://login.example.org',
    'https://login.example.org/',
    'https://login.example.org/castellan',
    'https://login.example.org?a=b',
    'https://login.example.org#a',
    'https://LOGIN.example.org',
    'https://login.example.org:443',
    'https://user@login.example.org',
    'ftp://login.example.org',
    'login.example.org',
    'https://',
    'http://127.0.0.1.example.org',
  ])('refuses %s as issuer: it is no origin in its one spelling, or has no TLS beyond this machine', (issuer) => {
    expect(identityFaults({ CASTELLAN_ISSUER: issuer })).toEqual(['CASTELLAN_ISSUER'])
  })

  it.each(['https://login.example.org:8443', 'http://127.0.0.1:8081', 'http://localhost:8081', 'http://[::1]:8081'])(
    'takes %s as issuer',
    (issuer) => {
      expect(readIdentitySettings({ ...identity, CASTELLAN_ISSUER: issuer }).issuer).toBe(issuer)
    },
  )

  it('takes one to five secrets of 32 bytes, and tells none that it refuses', () => {
    const both = readIdentitySettings({ ...identity, CASTELLAN_IDENTITY_SECRET: `${secret(2)}, ${secret(1)}` }).identitySecret
    expect(both).toEqual([Buffer.alloc(32, 2), Buffer.alloc(32, 1)])
    const url = Buffer.alloc(32, 255).toString('base64url')
    expect(readIdentitySettings({ ...identity, CASTELLAN_IDENTITY_SECRET: url }).identitySecret).toEqual([Buffer.alloc(32, 255)])
    for (const bad of [
      Buffer.alloc(31, 1).toString('base64'),
      Buffer.alloc(33, 1).toString('base64'),
      `${secret(1)},${secret(1)}`,
      `${secret(1)},`,
      [1, 2, 3, 4, 5, 6].map(secret).join(),
      'not-base64-at-all',
    ]) {
      const { names, message } = faultsOf(() => readIdentitySettings({ ...identity, CASTELLAN_IDENTITY_SECRET: bad }))
      expect(names).toEqual(['CASTELLAN_IDENTITY_SECRET'])
      expect(message).not.toContain(bad)
    }
  })

  it('prints neither secrets nor the address of the mail server, which may hold a password', () => {
    const settings = readIdentitySettings({ ...identity, CASTELLAN_SMTP_URL: 'smtps://user:hidden@mail.example.org' })
    const printed = JSON.stringify(printableSettings(settingTable, settings))
    expect(printed).not.toContain('hidden')
    expect(printed).not.toContain(secret(1))
    expect(printed).toContain('https://login.example.org')
  })

  it('takes a mail server without anything that would change how mail is sent', () => {
    for (const good of ['smtp://mail', 'smtps://user:p%40ss@mail.example.org:465', 'smtp://[::1]:2525/'])
      expect(identityFaults({ CASTELLAN_SMTP_URL: good })).toEqual([])
    for (const bad of ['http://mail', 'smtp://', 'smtp:mail', 'smtp://mail/x', 'smtp://mail?tls.rejectUnauthorized=false', 'smtp://mail#x'])
      expect(identityFaults({ CASTELLAN_SMTP_URL: bad })).toEqual(['CASTELLAN_SMTP_URL'])
  })

  it('takes one sender that cannot begin another header', () => {
    expect(readIdentitySettings({ ...identity, CASTELLAN_MAIL_FROM: 'North Clinic <login@example.org>' }).mailFrom).toEqual({
      name: 'North Clinic',
      address: 'login@example.org',
    })
    expect(readIdentitySettings(identity).mailFrom).toEqual({ name: undefined, address: 'login@example.org' })
    for (const bad of ['login', 'a@x.org,b@x.org', 'A <a@x.org> B <b@x.org>', 'A\r\nBcc: b@x.org <a@x.org>', 'A <a@x.org', 'a@x.org>'])
      expect(identityFaults({ CASTELLAN_MAIL_FROM: bad })).toEqual(['CASTELLAN_MAIL_FROM'])
  })

  it('holds numbers to their bounds', () => {
    expect(
      identityFaults({
        CASTELLAN_ACCESS_TOKEN_SECONDS: '901',
        CASTELLAN_REFRESH_GRACE_SECONDS: '61',
        CASTELLAN_TRUST_PROXY_HOPS: '11',
        CASTELLAN_TOKEN_ALGORITHM: 'HS256',
        CASTELLAN_TOKEN_AUDIENCE: 'two words',
      }),
    ).toEqual([
      'CASTELLAN_ACCESS_TOKEN_SECONDS',
      'CASTELLAN_REFRESH_GRACE_SECONDS',
      'CASTELLAN_TOKEN_ALGORITHM',
      'CASTELLAN_TOKEN_AUDIENCE',
      'CASTELLAN_TRUST_PROXY_HOPS',
    ])
  })

  it('lets the decision service take tokens only when it knows by whom and for whom they are', () => {
    const { CASTELLAN_ISSUER, CASTELLAN_TOKEN_AUDIENCE } = identity
    const serve = (more: object) => faultsOf(() => readServeSettings({ ...database, ...more })).names
    expect(serve({})).toEqual([])
    expect(serve({ CASTELLAN_ISSUER, CASTELLAN_TOKEN_AUDIENCE })).toEqual([])
    expect(serve({ CASTELLAN_ISSUER })).toEqual(['CASTELLAN_TOKEN_AUDIENCE'])
    expect(serve({ CASTELLAN_TOKEN_AUDIENCE })).toEqual(['CASTELLAN_ISSUER'])
  })

  it('refuses in development mode what that makes itself, and a public address', () => {
    const { CASTELLAN_DATABASE_URL: _, ...own } = identity
    expect(faultsOf(() => readDevSettings({ ...own, CASTELLAN_IDENTITY_HOST: '0.0.0.0' })).names).toEqual(
      [...Object.keys(own), 'CASTELLAN_IDENTITY_HOST'].sort(),
    )
    expect(readDevSettings({ CASTELLAN_SIGN_UP: 'true', CASTELLAN_IDENTITY_PORT: '0' })).toMatchObject({ signUp: true, identityPort: 0 })
  })
})
