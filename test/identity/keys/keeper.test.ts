import { createDecipheriv, createPrivateKey } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { systemRandom } from '../../../src/ground/random.ts'
import { type KeyAges, type KeyKeeper, openKeyKeeper } from '../../../src/identity/keys/keeper.ts'
import { PREVIOUS_KEPT_MS } from '../../../src/identity/keys/rotate.ts'
import type { ChangeContext } from '../../../src/model/administration.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import type { SealedKey, SigningAlgorithm } from '../../../src/model/identity.ts'
import { KEY_CHECK_INTERVAL_MS, KEY_LIFE_MS, KEY_PUBLISHED_AHEAD_MS } from '../../../src/model/identity-limits.ts'
import type { Database } from '../../../src/store/database.ts'
import { openDatabase } from '../../../src/store/open-database.ts'
import type { Store } from '../../../src/store/ports.ts'
import { openStore } from '../../../src/store/store.ts'
import { IdentitySecrets } from '../../../src/token/secret.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { describeEachStore, openPostgresStore, type TestStore } from '../../support/stores.ts'
import { openWitness, type Witness } from '../../support/witness.ts'

const SECRETS = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
const [ONE, TWO, THREE] = SECRETS as [Uint8Array, Uint8Array, Uint8Array]
const ADMIN = { id: 'test-admin', name: 'test', scopes: ['administer'], tenants: null, builtIn: true } as const
const CONTEXT: ChangeContext = { caller: ADMIN, reason: 'test', requestId: 'r-1' }

interface Opened {
  readonly keeper: KeyKeeper
  readonly clock: ManualClock
  readonly witness: Witness
  readonly lines: readonly string[]
  readonly ages: KeyAges[]
  readonly effective: number[]
  away: boolean
}

const opened: Opened[] = []

async function open(store: Store, { secrets = [ONE], algorithm = 'ES256' as SigningAlgorithm } = {}): Promise<Opened> {
  const clock = new ManualClock()
  const witness = openWitness()
  witness.keep('identity secret', ...SECRETS)
  const ages: KeyAges[] = []
  const effective: number[] = []
  const state = { away: false }
  const guarded = <T>(work: () => Promise<T>) => (state.away ? Promise.reject(new StoreError('away')) : work())
  const identity = { ...store.identity, listSealedKeys: () => guarded(() => store.identity.listSealedKeys()) }
  const keeper = await openKeyKeeper({
    store: { change: (work) => store.change(work), identity },
    findKeys: async () => (await store.identity.findKeys()).keys,
    acknowledgement: { announce: () => undefined, effective: async (position) => void effective.push(position) },
    secrets: new IdentitySecrets(secrets),
    algorithm,
    clock,
    random: systemRandom,
    log: witness.log,
    observe: { keyAges: (seconds) => void ages.push(seconds) },
  })
  const one: Opened = Object.assign(state, { keeper, clock, witness, lines: witness.lines, ages, effective })
  opened.push(one)
  return one
}

/** All rows are as if they had been made that much earlier. */
async function age(database: Database, ms: number): Promise<void> {
  await database.knex.raw(
    `update signing_key set created_at = created_at - :ms * interval '1 ms', activated_at = activated_at - :ms * interval '1 ms',
      retires_at = retires_at - :ms * interval '1 ms'`,
    { ms },
  )
}
const statesOf = async (store: Store) => (await store.identity.listSealedKeys()).map(({ state }) => state).sort()
const kidOf = async (store: Store, state: SealedKey['state']) =>
  (await store.identity.listSealedKeys()).find((key) => key.state === state)?.kid
const auditOf = async (store: Store) => (await store.records.listAudit({}, null, { pageSize: 1_000 })).items
async function checkAgain({ clock }: Opened, until: () => Promise<boolean>): Promise<void> {
  // The look before sets the next one when it has ended.
  while (clock.waiting === 0) await settle()
  clock.advance(KEY_CHECK_INTERVAL_MS)
  for (let turn = 0; turn < 5_000 && !(await until()); turn++) await settle()
}

/** No secret, and no private part of a key that is there, in a line or a row of the test that ends. */
async function expectNothingShown({ store, database }: TestStore): Promise<void> {
  const members = (await store.identity.listSealedKeys()).flatMap(privateMembers)
  for (const { witness } of opened) {
    witness.keep('private key', ...members)
    expect(await witness.findings(database)).toEqual([])
  }
}

afterEach(async () => {
  for (const { keeper } of opened.splice(0)) await keeper.close()
})

describeEachStore('signing keys', (current) => {
  let [store, database]: [Store, Database] = [] as never
  beforeEach(async () => {
    ;({ store, database } = current())
    await database.knex.raw('truncate signing_key')
    await database.knex.raw('alter table audit_event disable trigger user')
    await database.knex.raw('delete from audit_event')
    await database.knex.raw('alter table audit_event enable trigger user')
  })
  afterEach(() => expectNothingShown(current()))

  it('are there at the first start: one signs at once, and the one after it is published', async () => {
    const { keeper } = await open(store)
    const signing = await keeper.current()
    const { keys } = await keeper.jwks()
    expect(keys).toEqual([
      { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String), kid: signing.kid, alg: 'ES256', use: 'sig' },
      { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String), kid: expect.any(String), alg: 'ES256', use: 'sig' },
    ])
    expect((await auditOf(store)).map(({ action, target, actor, result }) => ({ action, target, actor, result }))).toEqual(
      [keys[1], keys[0]].map((key) => ({ action: 'key.create', target: key?.['kid'], actor: 'identity', result: 'applied' })),
    )
  })

  it('are left as they are by a second start', async () => {
    const first = await open(store)
    const before = await store.identity.listSealedKeys()
    const second = await open(store)
    expect(await store.identity.listSealedKeys()).toEqual(before)
    expect((await second.keeper.current()).kid).toBe((await first.keeper.current()).kid)
  })

  it('are replaced when their time is over, verify on for as long as they must, and lose their private part then', async () => {
    const one = await open(store)
    const [first, next] = [await kidOf(store, 'current'), await kidOf(store, 'next')]
    await age(database, KEY_LIFE_MS)
    await checkAgain(one, async () => (await kidOf(store, 'current')) === next)
    expect((await one.keeper.current()).kid).toBe(next)
    expect(await statesOf(store)).toEqual(['current', 'next', 'previous'])
    expect((await one.keeper.jwks()).keys.map((key) => key['kid'])).toContain(first)

    await age(database, PREVIOUS_KEPT_MS)
    expect((await one.keeper.jwks()).keys.map((key) => key['kid'])).not.toContain(first)
    await checkAgain(one, async () => (await statesOf(store)).length === 2)
    const rows = await database.knex('signing_key').select('state', 'sealed', 'sealed_by').where({ kid: first })
    expect(rows).toMatchObject([{ state: 'retired', sealed: null, sealed_by: null }])
    expect((await auditOf(store)).map(({ action, target }) => `${action} ${target}`).slice(0, 2)).toEqual([
      `key.retire ${first}`,
      `key.create ${await kidOf(store, 'next')}`,
    ])
  })

  it('have the algorithm of the setting from the next one that is made', async () => {
    await open(store)
    const { keeper } = await open(store, { algorithm: 'EdDSA' })
    await age(database, KEY_PUBLISHED_AHEAD_MS)
    await keeper.rotate(CONTEXT, 'normal')
    expect((await keeper.current()).algorithm).toBe('ES256')
    await age(database, KEY_PUBLISHED_AHEAD_MS)
    await keeper.rotate(CONTEXT, 'normal')
    expect((await keeper.current()).algorithm).toBe('EdDSA')
    expect(new Set((await keeper.jwks()).keys.map((key) => key['alg']))).toEqual(new Set(['ES256', 'EdDSA']))
  })

  it('are sealed anew under the first secret, after which the old one can go', async () => {
    await open(store, { secrets: [ONE] })
    await open(store, { secrets: [TWO, ONE] })
    const { keeper, lines } = await open(store, { secrets: [TWO] })
    expect(keeper.fault()).toBeUndefined()
    expect((await keeper.current()).kid).toBe(await kidOf(store, 'current'))
    expect(lines.join('')).not.toContain('"level":"error"')
    const { ids } = new IdentitySecrets([TWO, ONE])
    expect((await auditOf(store)).filter(({ action }) => action === 'key.reseal')).toMatchObject(
      [1, 2].map(() => ({ before: { sealedBy: ids[1] }, after: { sealedBy: ids[0] } })),
    )
  })

  it('whose secret is gone say which one is missing, sign nothing, and are replaced by an emergency rotation', async () => {
    await open(store, { secrets: [ONE] })
    const { keeper, lines } = await open(store, { secrets: [TWO] })
    const missing = new IdentitySecrets([ONE]).ids[0] ?? ''
    expect(keeper.fault()).toContain(missing)
    expect(lines.filter((line) => line.includes('"level":"error"') && line.includes(missing))).toHaveLength(2)
    await expect(keeper.current()).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(keeper.rotate(CONTEXT, 'normal')).rejects.toMatchObject({ code: 'conflict' })
    await keeper.rotate(CONTEXT, 'emergency')
    expect(keeper.fault()).toBeUndefined()
    expect((await keeper.current()).kid).toBe(await kidOf(store, 'current'))
    expect(await statesOf(store)).toEqual(['current', 'next'])
  })

  it('are looked at again after the database was away, which is logged', async () => {
    const one = await open(store)
    const next = await kidOf(store, 'next')
    await age(database, KEY_LIFE_MS)
    one.away = true
    await checkAgain(one, async () => one.lines.some((line) => line.includes('"level":"error"')))
    expect(await kidOf(store, 'next')).toBe(next)
    one.away = false
    await checkAgain(one, async () => (await kidOf(store, 'current')) === next)
    expect(await kidOf(store, 'current')).toBe(next)
  })

  it('are not looked at any more after the keeper was closed', async () => {
    const one = await open(store)
    await one.keeper.close()
    expect(one.clock.waiting).toBe(0)
  })

  it('tell their age by state', async () => {
    await open(store)
    await age(database, 3_600_000)
    const { ages } = await open(store)
    expect(Object.keys(ages.at(-1) ?? {}).sort()).toEqual(['current', 'next'])
    expect(Math.floor((ages.at(-1)?.current ?? 0) / 3_600)).toBe(1)
  })

  describe('on request', () => {
    it('are not replaced before clients know the next one, and nothing changes then', async () => {
      const { keeper } = await open(store)
      const before = await store.identity.listSealedKeys()
      await expect(keeper.rotate(CONTEXT, 'normal')).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining('20') })
      expect(await store.identity.listSealedKeys()).toEqual(before)
    })

    it('are replaced, in force on every replica when answered, in the name of whoever asked', async () => {
      const { keeper, effective } = await open(store)
      const [first, next] = [await kidOf(store, 'current'), await kidOf(store, 'next')]
      await age(database, KEY_PUBLISHED_AHEAD_MS)
      const answer = await keeper.rotate(CONTEXT, 'normal')
      expect(answer).toMatchObject({ changed: true, effective: true })
      expect(effective).toEqual([answer.position])
      // The first two were made at once, so that which of them is told first is chance.
      expect(new Map(answer.record.map(({ kid, state }) => [kid, state]))).toEqual(
        new Map([
          [first, 'previous'],
          [next, 'current'],
          [await kidOf(store, 'next'), 'next'],
        ]),
      )
      expect(answer.record).toHaveLength(3)
      expect(JSON.stringify(answer)).not.toContain('sealed')
      expect(await auditOf(store)).toMatchObject([
        { action: 'key.create', actor: 'test-admin', position: answer.position },
        { action: 'key.activate', target: next, reason: 'test', requestId: 'r-1', before: { state: 'next' }, after: { replaces: first } },
        {},
        {},
      ])
    })

    it('are dropped at once in an emergency, with all that they signed and the next one, which signs nothing', async () => {
      const { keeper } = await open(store)
      await age(database, KEY_PUBLISHED_AHEAD_MS)
      await keeper.rotate(CONTEXT, 'normal')
      const gone = [await kidOf(store, 'previous'), await kidOf(store, 'current'), await kidOf(store, 'next')]
      await keeper.rotate(CONTEXT, 'emergency')
      expect(await statesOf(store)).toEqual(['current', 'next'])
      expect((await keeper.current()).kid).toBe(await kidOf(store, 'current'))
      const kids = (await keeper.jwks()).keys.map((key) => key['kid'])
      for (const kid of gone) expect(kids).not.toContain(kid)
      const rows = await database.knex('signing_key').whereIn('kid', gone as string[])
      expect(rows).toMatchObject(gone.map(() => ({ state: 'retired', sealed: null, sealed_by: null })))
    })

    it.each([
      ['permission_denied', { ...ADMIN, scopes: ['decide', 'publish', 'audit'] as const }],
      ['permission_denied', { ...ADMIN, tenants: ['acme'] }],
    ])('are refused as %s to who may not', async (code, caller) => {
      const { keeper } = await open(store)
      const before = await store.identity.listSealedKeys()
      await expect(keeper.rotate({ ...CONTEXT, caller }, 'emergency')).rejects.toMatchObject({ code })
      expect(await store.identity.listSealedKeys()).toEqual(before)
    })

    it('stay as they are when the audit row cannot be written', async () => {
      const { keeper } = await open(store)
      const before = await store.identity.listSealedKeys()
      await expect(keeper.rotate({ ...CONTEXT, requestId: 'x'.repeat(1_000_000), reason: '\0' }, 'emergency')).rejects.toMatchObject({
        code: 'store_unavailable',
      })
      expect(await store.identity.listSealedKeys()).toEqual(before)
    })
  })

  it('show their private parts in no log, audit row or published key', async () => {
    const sealed: SealedKey[] = []
    const one = await open(store, { secrets: [ONE] })
    sealed.push(...(await store.identity.listSealedKeys()))
    const two = await open(store, { secrets: [TWO, ONE], algorithm: 'RS256' })
    sealed.push(...(await store.identity.listSealedKeys()))
    const answers = [await two.keeper.rotate(CONTEXT, 'emergency')]
    sealed.push(...(await store.identity.listSealedKeys()))
    const lost = await open(store, { secrets: [THREE] })
    await lost.keeper.current().catch((fault: unknown) => answers.push(fault as never))
    const shown = [one, two, lost].flatMap(({ lines }) => lines).join('')
    const told = JSON.stringify([await auditOf(store), await one.keeper.jwks(), answers, answers.map(String), lost.keeper.fault()])
    const secrets = [...SECRETS.map((secret) => Buffer.from(secret)), ...sealed.flatMap(({ sealed }) => Buffer.from(sealed ?? []))]
    const texts = secrets.flatMap((bytes) => [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')])
    const members = sealed.flatMap(privateMembers)
    expect(members.length).toBeGreaterThanOrEqual(sealed.length)
    for (const secret of [...texts, ...members]) {
      expect(secret.length).toBeGreaterThan(20)
      expect(shown.includes(secret) || told.includes(secret)).toBe(false)
    }
  })
})

/** As src/token/signing-key.ts seals them. */
function privateMembers({ kid, sealed, sealedBy }: SealedKey): readonly string[] {
  const { secretId, key } = new IdentitySecrets(SECRETS).keysFor('signing key').find((one) => one.secretId === sealedBy) ?? {}
  const bytes = Buffer.from(sealed ?? [])
  const cipher = createDecipheriv('aes-256-gcm', key ?? '', bytes.subarray(0, 12))
  cipher.setAAD(Buffer.from(`castellan signing key ${kid} ${secretId}`)).setAuthTag(bytes.subarray(12, 28))
  const text = Buffer.concat([cipher.update(bytes.subarray(28)), cipher.final()]).toString()
  const jwk = createPrivateKey(text).export({ format: 'jwk' })
  return ['d', 'p', 'q', 'dp', 'dq', 'qi'].flatMap((name) => (typeof jwk[name] === 'string' ? [jwk[name]] : []))
}

describe('signing keys of many processes on PostgreSQL', () => {
  let postgres: TestStore & { readonly url: string; close(): Promise<void> }
  const processes: Store[] = []
  beforeAll(async () => {
    postgres = await openPostgresStore(10)
    for (let index = 0; index < 8; index++) {
      processes.push(openStore(await openDatabase({ kind: 'postgres', url: postgres.url, poolMax: 4 })))
    }
  })
  afterAll(async () => {
    for (const store of processes) await store.close()
    await postgres.close()
  })
  afterEach(() => expectNothingShown(postgres))

  it('are made once, replaced once and retired once, however many look at the same moment', async () => {
    const { store, database } = postgres
    const keepers = await Promise.all(processes.map((process) => open(process)))
    expect(await statesOf(store)).toEqual(['current', 'next'])
    const next = await kidOf(store, 'next')

    await age(database, KEY_LIFE_MS)
    await Promise.all(keepers.map((keeper) => checkAgain(keeper, async () => keeper.ages.length > 1)))
    for (const { keeper } of keepers) await keeper.close()
    expect(await statesOf(store)).toEqual(['current', 'next', 'previous'])
    for (const { keeper } of keepers) expect((await keeper.current()).kid).toBe(next)

    await age(database, PREVIOUS_KEPT_MS)
    await Promise.all(processes.map((process) => open(process)))
    expect(await statesOf(store)).toEqual(['current', 'next'])
    const actions = (await auditOf(store)).map(({ action }) => action).sort()
    expect(actions).toEqual(['key.activate', 'key.create', 'key.create', 'key.create', 'key.retire'])
  })

  it('are rotated once, when many administrators ask at the same moment', async () => {
    const { store, database } = postgres
    const keepers = await Promise.all(processes.map((process) => open(process)))
    await age(database, KEY_PUBLISHED_AHEAD_MS)
    const next = await kidOf(store, 'next')
    const results = await Promise.allSettled(keepers.map(({ keeper }) => keeper.rotate(CONTEXT, 'normal')))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))).toEqual(Array(7).fill('conflict'))
    for (const { keeper } of keepers) expect((await keeper.current()).kid).toBe(next)
  })
})
