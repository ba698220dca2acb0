/** The product's settings: unsafe combinations refuse to start, and the page that documents them is never stale. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { SettingsError } from '../../src/ground/settings.ts'
import { isLoopback, readClientSettings, readDevSettings, readMigrateSettings, readServeSettings } from '../../src/main/settings.ts'
import { settingsPage } from '../../src/main/settings-page.ts'

const database = { CASTELLAN_DATABASE_URL: 'postgres://castellan:pass@127.0.0.1/castellan' }

function faultNames(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (fault) {
    if (fault instanceof SettingsError) return fault.faults.map((one) => one.name)
    throw fault
  }
  return []
}

describe('settings', () => {
  it('listens on loopback and on the documented ports when nothing is set', () => {
    expect(readDevSettings({})).toMatchObject({
      httpHost: '127.0.0.1',
      httpPort: 8080,
      grpcHost: '127.0.0.1',
      grpcPort: 9090,
      metricsHost: '127.0.0.1',
      metricsPort: 9464,
      dataDir: './.castellan',
      strictSubjects: false,
    })
  })

  it('refuses development mode in production, on a public address or beside a database that it would not use', () => {
    expect(faultNames(() => readDevSettings({ NODE_ENV: 'production' }))).toEqual(['NODE_ENV'])
    expect(faultNames(() => readDevSettings({ NODE_ENV: 'development' }))).toEqual([])
    const open = { CASTELLAN_HTTP_HOST: '0.0.0.0', CASTELLAN_GRPC_HOST: '::', CASTELLAN_METRICS_HOST: '10.0.0.1', ...database }
    expect(faultNames(() => readDevSettings(open))).toEqual([
      'CASTELLAN_DATABASE_URL',
      'CASTELLAN_GRPC_HOST',
      'CASTELLAN_HTTP_HOST',
      'CASTELLAN_METRICS_HOST',
    ])
  })

  it('requires a PostgreSQL address for serve and migrate, and refuses others', () => {
    for (const read of [readServeSettings, readMigrateSettings]) {
      expect(faultNames(() => read({}))).toEqual(['CASTELLAN_DATABASE_URL'])
      expect(faultNames(() => read({ CASTELLAN_DATABASE_URL: 'mysql://localhost/x' }))).toEqual(['CASTELLAN_DATABASE_URL'])
      expect(faultNames(() => read(database))).toEqual([])
    }
  })

  it('refuses an administrator key that is short or has blanks', () => {
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_ADMIN_KEY: 'k'.repeat(31) }))).toEqual(['CASTELLAN_ADMIN_KEY'])
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_ADMIN_KEY: `${'k'.repeat(40)} x` }))).toEqual([
      'CASTELLAN_ADMIN_KEY',
    ])
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_ADMIN_KEY: 'k'.repeat(32) }))).toEqual([])
  })

  it('wants certificate and key together, and TLS before client certificates', () => {
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_TLS_CERT_FILE: 'a.pem' }))).toEqual(['CASTELLAN_TLS_KEY_FILE'])
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_TLS_KEY_FILE: 'a.pem' }))).toEqual(['CASTELLAN_TLS_CERT_FILE'])
    expect(faultNames(() => readServeSettings({ ...database, CASTELLAN_TLS_CLIENT_CA_FILE: 'a.pem' }))).toEqual([
      'CASTELLAN_TLS_CLIENT_CA_FILE',
    ])
  })

  it('tells all faults of a bad environment at once', () => {
    const names = faultNames(() =>
      readServeSettings({
        CASTELLAN_HTTP_PORT: '65536',
        CASTELLAN_GRPC_PORT: '-1',
        CASTELLAN_LOG_LEVEL: 'loud',
        CASTELLAN_LOGLEVEL: 'info',
      }),
    )
    expect(names).toEqual([
      'CASTELLAN_DATABASE_URL',
      'CASTELLAN_GRPC_PORT',
      'CASTELLAN_HTTP_PORT',
      'CASTELLAN_LOGLEVEL',
      'CASTELLAN_LOG_LEVEL',
    ])
  })

  it('talks to the local service unless told otherwise', () => {
    expect(readClientSettings({}).url).toBe('http://127.0.0.1:8080')
    expect(faultNames(() => readClientSettings({ CASTELLAN_URL: 'localhost:8080' }))).toEqual(['CASTELLAN_URL'])
  })

  it('knows loopback addresses from others', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true])
    expect(['0.0.0.0', '::', '127.example.org', '192.168.0.1'].map(isLoopback)).toEqual([false, false, false, false])
  })
})

describe('docs/settings.md', () => {
  it('is what the descriptions say now (npm run generate)', () => {
    expect(readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8')).toBe(settingsPage())
  })
})
