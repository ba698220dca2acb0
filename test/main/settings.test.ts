/** The product's settings: unsafe combinations refuse to start, and the page that documents them is never stale. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { SettingsError } from '../../src/ground/settings.ts'
import { isLoopback } from '../../src/main/setting-forms.ts'
import { readClientSettings, readDevSettings, readMigrateSettings, readServeSettings } from '../../src/main/settings.ts'
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

function faultMessage(read: () => unknown): string {
  try {
    read()
  } catch (fault) {
    if (fault instanceof SettingsError) return fault.message
    throw fault
  }
  return ''
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

  it('takes Redis in six forms, with what stands in them', () => {
    const read = (url: string) => readServeSettings({ ...database, CASTELLAN_REDIS_URL: url }).redisUrl
    const server = { host: 'r1', port: 6379 }
    for (const [scheme, tls] of [
      ['redis', false],
      ['rediss', true],
    ] as const) {
      expect(read(`${scheme}://r1`)).toMatchObject({ mode: 'single', tls, servers: [server], database: 0, password: undefined })
      expect(read(`${scheme}://ann:p%40ss%2F@[::1]:7000/3`)).toMatchObject({
        mode: 'single',
        tls,
        servers: [{ host: '::1', port: 7000 }],
        database: 3,
        username: 'ann',
        password: 'p@ss/',
      })
      expect(read(`${scheme}+sentinel://:pass@r1,r2:7000/main/2`)).toMatchObject({
        mode: 'sentinel',
        tls,
        servers: [
          { host: 'r1', port: 26379 },
          { host: 'r2', port: 7000 },
        ],
        masterName: 'main',
        database: 2,
        username: undefined,
        password: 'pass',
      })
      expect(read(`${scheme}+cluster://r1,r2:7000`)).toMatchObject({ mode: 'cluster', tls, servers: [server, { host: 'r2', port: 7000 }] })
    }
    expect(readServeSettings(database)).toMatchObject({ redisUrl: undefined, cacheMebibytes: 128 })
  })

  it.each([
    'http://secret@r1',
    'redis://:secret@',
    'redis://:secret@r1,r2',
    'redis://:secret@r1:0',
    'redis://:secret@r1:65536',
    'redis://:secret@r1/x',
    'redis://:secret@r1/1/2',
    'redis://:secret@r1?tls=true',
    'redis://:sec/ret@r1',
    'redis://:secret%E0%A4%A@r1',
    'redis://:sec@ret@r1',
    'redis+sentinel://:secret@r1',
    'redis+sentinel://:secret@r1/',
    'redis+cluster://:secret@r1/1',
    'redis+cluster://:secret@r1,,r2',
    ` redis://:secret@r1`,
    `redis+cluster://:secret@${Array.from({ length: 33 }, (_, index) => `r${index}`).join()}`,
  ])('refuses %s as an address of Redis, names the forms, and keeps what it was given to itself', (url) => {
    const environment = { ...database, CASTELLAN_REDIS_URL: url }
    expect(faultNames(() => readServeSettings(environment))).toEqual(['CASTELLAN_REDIS_URL'])
    const message = faultMessage(() => readServeSettings(environment))
    expect(message).toContain('redis+sentinel://')
    expect(message).not.toMatch(/secret|sec.ret/)
  })

  it('refuses Redis in development mode, and authorities for a Redis without TLS', () => {
    expect(faultNames(() => readDevSettings({ CASTELLAN_REDIS_URL: 'redis://r1' }))).toEqual(['CASTELLAN_REDIS_URL'])
    const withCa = { ...database, CASTELLAN_REDIS_TLS_CA_FILE: 'ca.pem' }
    expect(faultNames(() => readServeSettings(withCa))).toEqual(['CASTELLAN_REDIS_TLS_CA_FILE'])
    expect(faultNames(() => readServeSettings({ ...withCa, CASTELLAN_REDIS_URL: 'redis://r1' }))).toEqual(['CASTELLAN_REDIS_TLS_CA_FILE'])
    expect(faultNames(() => readServeSettings({ ...withCa, CASTELLAN_REDIS_URL: 'rediss://r1' }))).toEqual([])
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
