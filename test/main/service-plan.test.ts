/** What settings make of a plan: where policies come from, and files of TLS, whose faults are told at start by the name of the setting. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { planFrom, policiesFrom } from '../../src/main/service-plan.ts'
import { readDevSettings, readServeSettings } from '../../src/main/settings.ts'

let folder: string
const file = (name: string) => join(folder, name)
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-tls-files-'))
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  for (const name of ['one', 'two']) openssl(...fresh, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`))
  openssl('pkcs8', '-topk8', '-in', file('one.key'), '-passout', 'pass:sesame', '-out', file('locked.key'))
  writeFileSync(file('text'), 'nothing of TLS\n')
  const certificate = readFileSync(file('one.crt'), 'utf8')
  writeFileSync(file('chain.crt'), certificate + readFileSync(file('two.crt'), 'utf8'))
  writeFileSync(file('broken-chain.crt'), `${certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const plan = (cert: string, key: string, clientCa?: string) =>
  planFrom(
    readServeSettings({
      CASTELLAN_DATABASE_URL: 'postgres://castellan@127.0.0.1/castellan',
      CASTELLAN_TLS_CERT_FILE: file(cert),
      CASTELLAN_TLS_KEY_FILE: file(key),
      ...(clientCa === undefined ? {} : { CASTELLAN_TLS_CLIENT_CA_FILE: file(clientCa) }),
    }),
  ).tls

describe('what says which policy is in force', () => {
  const database = { CASTELLAN_DATABASE_URL: 'postgres://castellan@127.0.0.1/castellan' }
  const serving = (environment: Readonly<Record<string, string>> = {}) =>
    policiesFrom(readServeSettings({ ...database, ...environment }), { source: 'published', directory: './policies' })

  it('is what was published, and a folder gives the first policy only where one was set', () => {
    expect(serving()).toEqual({ source: 'published', first: undefined })
    expect(serving({ CASTELLAN_POLICIES: '/policies' })).toEqual({ source: 'published', first: '/policies' })
  })

  it('is a folder where that was set, as it is for who develops', () => {
    const directory = { CASTELLAN_POLICY_SOURCE: 'directory' }
    expect(serving(directory)).toEqual({ source: 'directory', directory: './policies', pollMs: 2_000 })
    expect(serving({ ...directory, CASTELLAN_POLICIES: '/policies', CASTELLAN_POLICY_POLL_SECONDS: '7' })).toEqual({
      source: 'directory',
      directory: '/policies',
      pollMs: 7_000,
    })
    const developing = policiesFrom(readDevSettings({}), { source: 'directory', directory: './samples' })
    expect(developing).toEqual({ source: 'directory', directory: './samples', pollMs: 2_000 })
  })

  it('is nothing else', () => {
    for (const text of ['Published', 'folder', 'none'])
      expect(() => serving({ CASTELLAN_POLICY_SOURCE: text })).toThrow(expect.objectContaining({ code: 'settings_invalid' }))
  })
})

describe('files of TLS', () => {
  it('are taken as they are when they belong together', () => {
    expect(plan('chain.crt', 'one.key', 'two.crt')).toEqual({
      cert: readFileSync(file('chain.crt')),
      key: readFileSync(file('one.key')),
      clientCa: readFileSync(file('two.crt')),
    })
  })

  it.each([
    ['a certificate that is none', ['text', 'one.key'], /^CASTELLAN_TLS_CERT_FILE: has no certificate/],
    ['files that changed places', ['one.key', 'one.crt'], /^CASTELLAN_TLS_CERT_FILE: has no certificate/],
    ['a damaged chain', ['broken-chain.crt', 'one.key'], /^CASTELLAN_TLS_CERT_FILE: certificate 2 of the file is damaged/],
    ['a key that is none', ['one.crt', 'text'], /^CASTELLAN_TLS_KEY_FILE: has no private key/],
    ['an encrypted key', ['one.crt', 'locked.key'], /^CASTELLAN_TLS_KEY_FILE: is encrypted/],
    ['the key of another certificate', ['one.crt', 'two.key'], /^CASTELLAN_TLS_KEY_FILE: is not the key of the first certificate/],
    ['client authorities that are none', ['one.crt', 'one.key', 'text'], /^CASTELLAN_TLS_CLIENT_CA_FILE: has no certificate/],
    ['a file that is not there', ['one.crt', 'one.key', 'none'], /^CASTELLAN_TLS_CLIENT_CA_FILE: the file cannot be read/],
  ] as const)('are refused by the name of the setting: %s', (_, [cert, key, clientCa], message) => {
    expect(() => plan(cert, key, clientCa)).toThrow(expect.objectContaining({ message: expect.stringMatching(message) }))
  })
})
