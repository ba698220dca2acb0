import { createHash } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { StoreError, UnauthenticatedError } from '../../src/model/error-code.ts'
import { openAuthentication } from '../../src/wire/authentication.ts'

const record = { id: 'c', name: 'c', scopes: ['decide'], tenants: null, createdAtMs: 0, expiresAtMs: null, revokedAtMs: null } as const
const KNOWN_KEY = `cst_${'k'.repeat(43)}`
const known = createHash('sha256').update(KNOWN_KEY).digest()
let lookups = 0
const authentication = openAuthentication({
  findCallerByKeyHash: async (hash) => {
    lookups += 1
    return known.equals(hash) ? record : undefined
  },
  adminKey: 'admin-key',
})

describe('authentication', () => {
  it('knows a stored key and the admin key, by any spelling of the scheme', async () => {
    for (const scheme of ['Bearer ', 'bearer ', 'BEARER   ']) {
      expect(await authentication.authenticate(`${scheme}${KNOWN_KEY}`)).toBe(record)
      expect(await authentication.authenticate(`${scheme}admin-key`)).toMatchObject({
        id: 'admin-key',
        tenants: null,
        scopes: expect.arrayContaining(['administer']),
      })
    }
  })

  it('asks the database only for keys of the form that callers are given', async () => {
    lookups = 0
    const forms = ['known-key', 'cst_', `cst_${'k'.repeat(42)}`, `cst_${'k'.repeat(44)}`, `cst_${'k'.repeat(42)}.`, `CST_${'k'.repeat(43)}`]
    for (const key of [...forms, `cst_${'k'.repeat(42)}=`])
      await expect(authentication.authenticate(`Bearer ${key}`)).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(lookups).toBe(0)
    await expect(authentication.authenticate(`Bearer cst_${'u'.repeat(43)}`)).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(lookups).toBe(1)
    await authentication.authenticate('Bearer admin-key')
    expect(lookups).toBe(1)
  })

  it('throws nothing but UnauthenticatedError for 100,000 random headers', async () => {
    const near = fc
      .tuple(fc.constantFrom('Bearer ', 'Bearer', 'bearer  ', 'Basic ', ' Bearer '), fc.string({ maxLength: 20 }))
      .map(([scheme, rest]) => scheme + rest)
    const headers = fc.sample(fc.oneof(fc.string(), near, fc.string({ unit: 'binary', maxLength: 40 })), 100_000)
    for (const header of [undefined, '', 'x'.repeat(100_000), `Bearer ${'a'.repeat(100_000)}`, `Bearer ${'a='.repeat(2000)}`, ...headers]) {
      const outcome = await authentication.authenticate(header).catch((fault) => fault)
      if (!(outcome instanceof UnauthenticatedError)) throw new Error(`unexpected for ${JSON.stringify(header)}: ${String(outcome)}`)
    }
  })

  it('has no admin key when none is set, not even the empty one', async () => {
    for (const adminKey of [undefined, '']) {
      const closed = openAuthentication({ findCallerByKeyHash: async () => undefined, adminKey })
      for (const header of ['Bearer ', 'Bearer undefined', 'Bearer'])
        await expect(closed.authenticate(header)).rejects.toMatchObject({ code: 'unauthenticated' })
    }
  })

  it('is unavailable, not unauthenticated, when callers cannot be looked up', async () => {
    const blind = openAuthentication({
      findCallerByKeyHash: async () => {
        throw new StoreError('down')
      },
      adminKey: 'admin-key',
    })
    await expect(blind.authenticate(`Bearer ${KNOWN_KEY}`)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await blind.authenticate('Bearer admin-key')).toMatchObject({ id: 'admin-key' })
  })

  it('knows at once only who came with the one usual spelling of a key, so that one key has one place in memory', async () => {
    const long = 'a'.repeat(300)
    const remembering = openAuthentication({
      findCallerByKeyHash: async () => record,
      recallCallerByKeyHash: () => record,
      adminKey: long,
    })
    for (const unusual of [`bearer ${KNOWN_KEY}`, `Bearer  ${KNOWN_KEY}`, `Bearer${' '.repeat(4_000)}${KNOWN_KEY}`, `Bearer ${long}`]) {
      await remembering.authenticate(unusual)
      expect(remembering.recall?.(unusual)).toBeUndefined()
    }
    await remembering.authenticate(`Bearer ${KNOWN_KEY}`)
    expect(remembering.recall?.(`Bearer ${KNOWN_KEY}`)).toBe(record)
  })

  it('holds on to no key that memory knows nobody by, until it proves good again', async () => {
    let remembered: typeof record | undefined = record
    let asked = 0
    const remembering = openAuthentication({
      findCallerByKeyHash: async () => record,
      recallCallerByKeyHash: () => {
        asked += 1
        return remembered
      },
      adminKey: undefined,
    })
    const usual = `Bearer ${KNOWN_KEY}`
    await remembering.authenticate(usual)
    remembered = undefined
    expect([remembering.recall?.(usual), remembering.recall?.(usual), asked]).toEqual([undefined, undefined, 1])
    remembered = record
    expect([remembering.recall?.(usual), asked]).toEqual([undefined, 1])
    await remembering.authenticate(usual)
    expect(remembering.recall?.(usual)).toBe(record)
  })
})
