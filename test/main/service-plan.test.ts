/** Files of TLS: what is wrong with them is told at start, by the name of the setting. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { planFrom } from '../../src/main/service-plan.ts'
import { readServeSettings } from '../../src/main/settings.ts'

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
