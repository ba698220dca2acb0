/** What a process loads before it knows that it needs it: followed through the sources' imports, without starting one. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))
/** `import type` and `import()` load nothing when the module is. */
const IMPORT = /^(?:import|export) (?!type )(?:[^'"]*? from )?'([^']+)'/gm

/** Our own files by their path in src/, npm packages by their name. */
function loadedBy(...entries: readonly string[]): ReadonlySet<string> {
  const loaded = new Set<string>()
  const waiting = entries.map((entry) => join(SOURCES, entry))
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const name = file.slice(SOURCES.length + 1)
    if (loaded.has(name)) continue
    loaded.add(name)
    for (const [, wanted = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (wanted.startsWith('.')) waiting.push(resolve(dirname(file), wanted))
      else loaded.add(/^(?:@[^/]+\/)?[^/]+/.exec(wanted)?.[0] ?? wanted)
    }
  }
  return loaded
}

const DRIVERS = ['@electric-sql/pglite', 'pg', 'knex']
const matching = (loaded: ReadonlySet<string>, unwanted: RegExp) => [...loaded].filter((name) => unwanted.test(name))

describe('what is loaded', () => {
  it('is found at all: a service has its wires, and a database its driver', () => {
    const serve = loadedBy('main/serve.ts', 'main/serve-process.ts')
    expect([...serve]).toEqual(expect.arrayContaining(['@grpc/grpc-js', 'express', 'zod', 'store/store.ts']))
    expect([...loadedBy('store/postgres-database.ts')]).toEqual(expect.arrayContaining(['pg', 'knex']))
    expect([...loadedBy('store/pglite-database.ts')]).toContain('@electric-sql/pglite')
  })

  it('is neither PGlite, identity, mail, tracing nor reflection where `castellan serve` starts', () => {
    const serve = loadedBy('main/serve.ts', 'main/serve-process.ts', 'store/postgres-database.ts')
    expect(matching(serve, /pglite|^identity\/|^nodemailer$|tracing-sdk|^@opentelemetry|reflection$|openapi/)).toEqual([])
  })

  it('is not the driver of PostgreSQL where the database is PGlite', () => {
    expect(matching(loadedBy('main/dev.ts', 'store/pglite-database.ts'), /^pg$|postgres-database/)).toEqual([])
  })

  it('is no part of a service where the command line only shows its help', () => {
    expect(matching(loadedBy('main/cli.ts'), /^(?:access|cache|decision|identity|policy|token|wire)\//)).toEqual([])
    expect([...loadedBy('main/cli.ts')].filter((name) => !name.includes('.ts') && !name.startsWith('node:'))).toEqual(['commander'])
  })

  it('is neither a driver, a wire nor a library of tokens where a command asks a service', () => {
    const client = loadedBy('main/cli.ts', 'main/settings.ts')
    expect(matching(client, /^(?:access|identity|policy|wire|decision\/transport)\/|^jose$|^express$|^@grpc/)).toEqual([])
    expect(DRIVERS.filter((driver) => client.has(driver))).toEqual([])
  })
})
