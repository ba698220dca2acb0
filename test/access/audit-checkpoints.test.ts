/** Checkpoints as they are made: by one replica at a time, when something new was written, each behind the one before. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { type AuditCheckpoints, openAuditCheckpoints } from '../../src/access/audit-checkpoints.ts'
import { hashOfCheckpoint } from '../../src/access/verify-checkpoints.ts'
import { openLog } from '../../src/ground/log.ts'
import { AUDIT_CHECKPOINT_RETRY_MS } from '../../src/model/observation-limits.ts'
import { NO_UNCHAINED } from '../../src/store/audit-chain.ts'
import type { Store } from '../../src/store/ports.ts'
import { openCheckpointSigner, readCheckpoint, verifyCheckpoint } from '../../src/token/checkpoint-jws.ts'
import { auditRow, checkpointsOf, newAuditKey, verifyStore } from '../support/audit-evidence.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeEachStore } from '../support/stores.ts'

const HOUR_MS = 3_600_000

describeEachStore('checkpoints of the audit', (current) => {
  const opened: AuditCheckpoints[] = []
  const logged: Record<string, unknown>[] = []
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close()
  })
  const write = (store: Store) => store.change((change) => change.appendAudit(auditRow({ user: 'ann', tenant: 'acme' })))
  const key = newAuditKey()

  async function open(intervalMs: number, clock = new ManualClock(), store: Pick<Store, 'auditTrail'> = current().store) {
    const log = openLog('info', { write: (line) => void logged.push(JSON.parse(line)) })
    const made = openAuditCheckpoints({ store, signer: await openCheckpointSigner((await key).key), intervalMs, clock, log })
    opened.push(made)
    await made.look()
    return made
  }

  it('are not made of nothing, and of nothing new', async () => {
    const { store } = current()
    const one = await open(0)
    expect(await checkpointsOf(store)).toEqual([])
    expect(one.coveredAtMs).toBeUndefined()
    await write(store)
    await one.look()
    await one.look()
    expect(await checkpointsOf(store)).toHaveLength(1)
    const covered = one.coveredAtMs ?? 0
    await one.look()
    expect(one.coveredAtMs ?? 0).toBeGreaterThanOrEqual(covered)
    await one.close()
    expect(await checkpointsOf(store)).toHaveLength(1)
  })

  it('say the heads of the chains, follow one another, and are a line of the log each', async () => {
    const { store } = current()
    const one = await open(0)
    await write(store)
    await one.look()
    const stored = await checkpointsOf(store)
    const [before, last] = stored.slice(-2)
    const read = readCheckpoint(last?.jws ?? '')
    const heads = (await store.auditTrail.listHeads()).filter(({ sequence }) => sequence > 0)
    expect(read?.content).toEqual({
      number: last?.number,
      atMs: last?.atMs,
      heads,
      unchained: NO_UNCHAINED,
      previous: hashOfCheckpoint(before?.jws ?? ''),
    })
    expect(await verifyCheckpoint(last?.jws ?? '', (await key).keys)).toBe('good')
    expect(logged.find(({ jws }) => jws === last?.jws)).toMatchObject({
      level: 'info',
      msg: 'audit checkpoint',
      number: last?.number,
      heads,
    })
    expect((await verifyStore(store, { keys: (await key).keys, kept: stored.map(({ jws }) => jws) })).all).toEqual([])
  })

  it('are made by one of many replicas, and by no other within the time', async () => {
    const { store } = current()
    await write(store)
    const before = (await checkpointsOf(store)).length
    await Promise.all(Array.from({ length: 8 }, () => open(HOUR_MS)))
    // The one before may be younger than an hour; what is closed makes one at once.
    expect(await checkpointsOf(store)).toHaveLength(before)
    await opened.pop()?.close()
    expect(await checkpointsOf(store)).toHaveLength(before + 1)
    await write(store)
    await open(HOUR_MS)
    expect(await checkpointsOf(store)).toHaveLength(before + 1)
    const turns = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const signer = await openCheckpointSigner((await key).key)
        return await store.auditTrail.addCheckpoint(0, (last, heads, atMs) =>
          heads.at(-1)?.hash === readCheckpoint(last?.jws ?? '')?.content.heads.at(-1)?.hash
            ? Promise.resolve(undefined)
            : signer.sign({ number: (last?.number ?? 0) + 1, atMs, heads, unchained: NO_UNCHAINED }),
        )
      }),
    )
    const numbers = (await checkpointsOf(store)).map(({ number }) => number)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    expect(turns.filter(({ made }) => made !== undefined).length).toBeGreaterThan(0)
  })

  it('are made again at their time, and at the end', async () => {
    const { store } = current()
    const clock = new ManualClock()
    const one = await open(0, clock)
    const before = (await checkpointsOf(store)).length
    await write(store)
    clock.advance(1)
    await one.look()
    expect(await checkpointsOf(store)).toHaveLength(before + 1)
    const last = await open(HOUR_MS)
    await write(store)
    await last.close()
    expect(await checkpointsOf(store)).toHaveLength(before + 2)
  })

  it('are made although the last one lies ahead: a clock was set back, or somebody put it there', async () => {
    const { store, database } = current()
    const ahead = Date.now() + 400 * 24 * HOUR_MS
    const number = (await checkpointsOf(store)).length + 1
    const row = { number, at: new Date(ahead).toISOString(), key_id: 'somebody', jws: 'none.of.ours' }
    await database.knex('audit_checkpoint').insert(row)
    const nothingNew = await store.auditTrail.addCheckpoint(HOUR_MS, () => Promise.resolve(undefined))
    expect(nothingNew.coveredAtMs).toBeLessThan(ahead - HOUR_MS)
    const one = await open(HOUR_MS)
    const stored = await checkpointsOf(store)
    expect(stored.map(({ number }) => number).at(-1)).toBe(number + 1)
    expect(one.coveredAtMs).toBe(stored.at(-1)?.atMs)
    expect(one.coveredAtMs).toBeLessThan(ahead - HOUR_MS)
    // The next one is not due before its time again.
    await write(store)
    await open(HOUR_MS)
    expect(await checkpointsOf(store)).toHaveLength(stored.length)
    await database.knex.raw('alter table audit_checkpoint disable trigger user')
    await database
      .knex('audit_checkpoint')
      .where({ number })
      .orWhere({ number: number + 1 })
      .del()
    await database.knex.raw('alter table audit_checkpoint enable trigger user')
  })

  it('that fail are counted, told and tried again, and stop nobody', async () => {
    const { store } = current()
    let [away, asked] = [true, 0]
    const failing: Pick<Store, 'auditTrail'> = {
      auditTrail: {
        ...store.auditTrail,
        addCheckpoint: (afterMs, sign) => {
          asked++
          return away ? Promise.reject(new Error('the database is away')) : store.auditTrail.addCheckpoint(afterMs, sign)
        },
      },
    }
    const clock = new ManualClock()
    const one = await open(HOUR_MS, clock, failing)
    expect([one.errors, asked]).toEqual([2, 2])
    expect(logged.at(-1)).toMatchObject({ level: 'error' })
    // Long before the next one is due.
    await clock.pass(AUDIT_CHECKPOINT_RETRY_MS)
    expect([one.errors, asked]).toEqual([3, 3])
    away = false
    const before = (await checkpointsOf(store)).length
    await write(store)
    await one.close()
    expect(await checkpointsOf(store)).toHaveLength(before + 1)
    expect(clock.waiting).toBe(0)
  })
})

describe('a key of another kind', () => {
  it('is told apart from a good one', async () => {
    const { parseAuditKey } = await import('../../src/token/audit-key.ts')
    const { readAuditPublicKeys } = await import('../../src/token/checkpoint-jws.ts')
    const { generateKeyPairSync } = await import('node:crypto')
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const signer = await openCheckpointSigner(parseAuditKey(pem) ?? p256.privateKey)
    const { jws } = await signer.sign({ number: 1, atMs: 1, heads: [], unchained: NO_UNCHAINED })
    const keys = await readAuditPublicKeys(p256.publicKey.export({ type: 'spki', format: 'pem' }).toString())
    expect(await verifyCheckpoint(jws, keys)).toBe('good')
    expect(await verifyCheckpoint(`${jws.slice(0, -6)}AAAAAA`, keys)).toBe('bad')
    expect(await verifyCheckpoint(jws, (await newAuditKey()).keys)).toBe('unknown')
    // By the same key, and no checkpoint: of another type, without a signature, by an algorithm that is not the key's.
    const { CompactSign } = await import('jose')
    const [payload = ''] = jws.split('.').slice(1)
    const header = { alg: 'ES256', kid: signer.keyId, typ: 'castellan-audit+jwt' }
    const encoded = (plain: object) => Buffer.from(JSON.stringify(plain)).toString('base64url')
    const token = await new CompactSign(Buffer.from(payload, 'base64url'))
      .setProtectedHeader({ ...header, typ: 'at+jwt' })
      .sign(p256.privateKey)
    expect(await verifyCheckpoint(token, keys)).toBe('bad')
    expect(await verifyCheckpoint(`${encoded({ ...header, alg: 'none' })}.${payload}.`, keys)).toBe('bad')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const byRsa = await new CompactSign(Buffer.from(payload, 'base64url'))
      .setProtectedHeader({ ...header, alg: 'PS256' })
      .sign(rsa.privateKey)
    // Even when a caller of ours passed a key of another kind for the algorithm, only the one that the key is for counts.
    expect(await verifyCheckpoint(byRsa, [{ keyId: signer.keyId, algorithm: 'ES256', key: rsa.publicKey }])).toBe('bad')
    for (const other of [generateKeyPairSync('ec', { namedCurve: 'P-384' }), generateKeyPairSync('ed448')]) {
      expect(parseAuditKey(other.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())).toBeUndefined()
      await expect(readAuditPublicKeys(other.publicKey.export({ type: 'spki', format: 'pem' }).toString())).rejects.toMatchObject({
        code: 'audit_key_invalid',
      })
    }
  })
})
