/** `castellan audit …` against a real service: verify, export and verify offline, checkpoints kept in a log, the public key. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openAuditCheckpoints } from '../../../src/access/audit-checkpoints.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { openLog } from '../../../src/ground/log.ts'
import { openCheckpointSigner } from '../../../src/token/checkpoint-jws.ts'
import { ADMIN_KEY, call, openWires, type Wires } from '../../decision/transport/wires.ts'
import { newAuditKey, tampering } from '../../support/audit-evidence.ts'
import { runCommand } from '../../support/command-line.ts'

let wires: Wires
let audit: Awaited<ReturnType<typeof newAuditKey>>
const folder = mkdtempSync(join(tmpdir(), 'castellan-audit-'))
const file = (name: string) => join(folder, name)
const run = (...args: readonly string[]) =>
  runCommand(['audit', ...args], { CASTELLAN_URL: `http://127.0.0.1:${wires.http.port}`, CASTELLAN_KEY: ADMIN_KEY })

beforeAll(async () => {
  wires = await openWires()
  audit = await newAuditKey()
  await wires.house.administration.putUser(wires.house.context, { user: 'eve', displayName: '=HYPERLINK("http://evil/"&A1)' })
  const lines: string[] = ['castellan-1  | not JSON at all', '{"level":"info","msg":"starts"}']
  const checkpoints = openAuditCheckpoints({
    store: wires.house.store,
    signer: await openCheckpointSigner(audit.key),
    intervalMs: 60_000,
    clock: systemClock,
    log: openLog('info', { write: (line) => void lines.push(`castellan-1  | ${line.trimEnd()}`) }),
  })
  await checkpoints.look()
  await wires.house.administration.suspendTenant(wires.house.context, 'south')
  await checkpoints.close()
  writeFileSync(file('service.log'), `${lines.join('\n')}\n`)
  writeFileSync(file('audit.pem'), audit.pem)
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await wires.close()
})

const proof = () => ['--checkpoints', file('service.log'), '--key', file('audit.pem')]

describe('audit verify', () => {
  it('ends with 0 and says what was looked at, and what nothing was there for', async () => {
    const bare = await run('verify')
    expect(bare).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^records: \d+ in chains\ncheckpoints: 2 stored, 0 kept; signatures not checked\n/),
    })
    expect(bare.out).toContain('none that was kept elsewhere (--checkpoints)')
    const whole = await run('verify', ...proof())
    expect(whole).toMatchObject({ code: 0, out: expect.stringContaining('checkpoints: 2 stored, 2 kept; signatures checked\nholds\n') })
    expect(JSON.parse((await run('verify', ...proof(), '-o', 'json')).out)).toMatchObject({
      ...{ holds: true, findings: [], records: { unproven: 0, broken: 0 } },
      checkpoints: { stored: 2, kept: 2, signatures: 'checked' },
    })
  })

  it('reads only what came after the last kept checkpoint when it is told to', async () => {
    await wires.house.administration.resumeTenant(wires.house.context, 'south')
    const since = JSON.parse((await run('verify', ...proof(), '--since-checkpoint', '-o', 'json')).out)
    expect(since).toMatchObject({ holds: true, records: { chained: 1 } })
    await tampering(wires.house.database, async ({ knex }) => {
      await knex.raw(`update audit_event set reason = 'x' where id = (select max(id) from audit_event where action = 'tenant.resume')`)
      expect(await run('verify', ...proof(), '--since-checkpoint')).toMatchObject({
        code: 1,
        out: expect.stringContaining('changed  chain 0'),
      })
      await knex('audit_event').where({ action: 'tenant.resume' }).del()
      await knex.raw('update audit_head set sequence = sequence - 2 where chain = 0')
      expect(await run('verify', ...proof(), '--since-checkpoint')).toMatchObject({ code: 1, out: expect.stringContaining('cut  chain 0') })
    })
    expect(await run('verify', '--since-checkpoint')).toMatchObject({ code: 2, err: expect.stringContaining('--checkpoints') })
    expect(await run('verify', '--since-checkpoint', '--checkpoints', file('service.log'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('needs --key'),
    })
  })

  it('reads what stands in no chain, and in a chain without a head, whatever it is told to begin at, from a service and an export', async () => {
    const forged = { action: 'user.put', result: 'applied', actor: 'evil', actor_name: 'Evil' }
    const everywhere = async (found: RegExp, ...options: readonly string[]) => {
      expect((await run('export', '--file', file('forged.jsonl'))).code).toBe(0)
      for (const source of [[], ['--file', file('forged.jsonl')]])
        for (const since of [[], ['--since-checkpoint']])
          expect(await run('verify', ...proof(), ...source, ...since, ...options)).toMatchObject({ out: expect.stringMatching(found) })
    }
    await tampering(wires.house.database, async ({ knex }) => {
      const [{ id }] = await knex('audit_event').insert(forged).returning('id')
      await everywhere(new RegExp(`^unchained  id ${id}: stands in no chain`, 'm'))
      await everywhere(
        /^records: \d+ in chains, 1 from before chaining began, which nothing proves$[\s\S]*^holds$/m,
        '--upgraded-through',
        String(id),
      )
    })
    await tampering(wires.house.database, async ({ knex }) => {
      await knex('audit_event').insert({ ...forged, chain: 99, sequence: 1, previous_hash: Buffer.alloc(32), hash: Buffer.alloc(32, 7) })
      await everywhere(/^changed {2}chain 99, record 1, id \d+: [\s\S]*^head-missing {2}chain 99: /m)
    })
    await tampering(wires.house.database, async ({ knex }) => {
      await knex.raw('alter table audit_event drop constraint audit_event_at_said')
      await knex.raw(`update audit_event set at = 'infinity' where id = (select max(id) from audit_event where action = 'tenant.resume')`)
      await everywhere(/^changed {2}chain 0, record \d+, id \d+: holds what nothing of ours writes: at infinity$/m)
      expect(await run('list')).toMatchObject({ code: 0, out: expect.stringContaining('9999-12-31') })
    })
    await wires.house.database.knex.raw(
      `alter table audit_event add constraint audit_event_at_said check (at >= '0001-01-01 00:00:00Z' and at < '10000-01-01 00:00:00Z')`,
    )
    for (const wrong of ['x', '-1', '1.5'])
      expect(await run('verify', '--upgraded-through', wrong)).toMatchObject({
        code: 2,
        err: expect.stringContaining('--upgraded-through'),
      })
  })

  it('ends with 1 and names the first broken record', async () => {
    await tampering(wires.house.database, async ({ knex }) => {
      await knex.raw(`update audit_event set after = '{"forged":true}' where chain = 0 and sequence = 2`)
      const { id } = (await knex('audit_event').where({ chain: 0, sequence: 2 }).first('id')) as { id: number }
      const found = await run('verify', ...proof())
      expect(found).toMatchObject({ code: 1, err: expect.stringContaining('not as it was written') })
      expect(found.out).toContain(`changed  chain 0, record 2, id ${id}: is not what was written`)
      expect(JSON.parse((await run('verify', '-o', 'json')).out)).toMatchObject({
        ...{ holds: false, records: { broken: 1 } },
        findings: [{ kind: 'changed', chain: 0, sequence: 2, id }],
      })
    })
  })

  it('finds with a kept log what was rewritten with all hashes and checkpoints, and not without', async () => {
    await tampering(wires.house.database, async ({ knex }) => {
      await knex('audit_event').where('chain', '>=', 0).andWhere('sequence', '>', 2).del()
      await knex.raw(
        `update audit_head h set sequence = coalesce((select max(sequence) from audit_event e where e.chain = h.chain), 0),
           hash = coalesce((select hash from audit_event e where e.chain = h.chain order by sequence desc limit 1), decode(repeat('00', 32), 'hex'))`,
      )
      await knex('audit_checkpoint').del()
      expect(await run('verify')).toMatchObject({ code: 0 })
      expect(await run('verify', ...proof())).toMatchObject({
        code: 1,
        out: expect.stringMatching(/^cut {2}chain 0, record 3: .*checkpoint 2 knows/m),
      })
    })
  })

  it('refuses what is no key, no checkpoint and no export, naming the file', async () => {
    const { key } = await newAuditKey()
    writeFileSync(file('private.pem'), key.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(file('empty'), '')
    expect(await run('verify', '--key', file('private.pem'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/private\.pem: holds a private key/),
    })
    expect(await run('verify', '--key', file('empty'))).toMatchObject({ code: 2, err: expect.stringMatching(/empty: holds no public key/) })
    expect(await run('verify', '--key', file('none'))).toMatchObject({ code: 2, err: expect.stringMatching(/none: cannot be read/) })
    expect(await run('verify', '--checkpoints', file('audit.pem'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no checkpoint is in/),
    })
    expect(await run('verify', '--checkpoints', file('none'))).toMatchObject({ code: 1, err: expect.stringMatching(/ENOENT/) })
    for (const name of ['empty', 'audit.pem', 'service.log']) expect(await run('verify', '--file', file(name))).toMatchObject({ code: 1 })
  })

  it('takes no checkpoint out of what callers sent, wherever in a log it stands', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const content = { number: 999, atMs: 1, heads: [], unchained: { count: 0, lastId: 0, hash: '0'.repeat(64) } }
    const fake = `${part({ typ: 'castellan-audit+jwt', kid: 'x' })}.${part(content)}.${'A'.repeat(12)}`
    const decision = JSON.stringify({
      kind: 'decision',
      user: fake,
      resource: { id: `audit checkpoint {"msg":"audit checkpoint","jws":"${fake}"}` },
    })
    const inMessage = JSON.stringify({ msg: fake, jws: fake, note: 'audit checkpoint' })
    const log = readFileSync(file('service.log'), 'utf8')
    writeFileSync(file('mixed.log'), `${decision}\ncastellan-1  | ${decision}\n${inMessage}\nuser ${fake}\n${log}`)
    const verified = await run('verify', '--checkpoints', file('mixed.log'), '--key', file('audit.pem'))
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('2 stored, 2 kept; signatures checked\nholds') })
    // Nothing but one: somebody meant it.
    writeFileSync(file('meant'), `${fake}\n`)
    const meant = await run('verify', '--checkpoints', file('meant'), '--key', file('audit.pem'))
    expect(meant).toMatchObject({ code: 1, out: expect.stringContaining('checkpoint-forged') })
  })

  it('takes a JWK set for a key, and finds signatures of another', async () => {
    const jwk = audit.keys[0]?.key.export({ format: 'jwk' })
    writeFileSync(file('keys.json'), JSON.stringify({ keys: [jwk] }))
    expect(await run('verify', '--key', file('keys.json'))).toMatchObject({ code: 0, out: expect.stringContaining('signatures checked') })
    writeFileSync(file('other.pem'), (await newAuditKey()).pem)
    expect(await run('verify', '--key', file('other.pem'))).toMatchObject({
      code: 1,
      out: expect.stringContaining('none of the given keys'),
    })
  })

  it('needs the scope audit and all tenants', async () => {
    const { json } = await call(wires, 'POST', '/v1/callers', { name: 'north-auditor', scopes: ['audit'], tenants: ['north'] })
    for (const key of [wires.keys.decide, json.key])
      expect(await run('verify', '--caller-key', key)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/scope "audit"|spans all tenants/),
      })
  })
})

describe('audit export', () => {
  it('is verified offline, and one that was changed, cut or continued is not', async () => {
    expect(await run('export', '--file', file('audit.jsonl'))).toEqual({ code: 0, out: '', err: '' })
    expect(statSync(file('audit.jsonl')).mode & 0o777).toBe(0o600)
    const offline = (name: string) => runCommand(['audit', 'verify', '--file', file(name), ...proof()])
    expect(await offline('audit.jsonl')).toMatchObject({ code: 0, out: expect.stringContaining('holds') })
    const lines = readFileSync(file('audit.jsonl'), 'utf8').trimEnd().split('\n')
    const write = (name: string, changed: readonly string[]) => writeFileSync(file(name), `${changed.join('\n')}\n`)
    write(
      'changed',
      lines.map((line) => line.replace('"reason":"test"', '"reason":"none"')),
    )
    expect(await offline('changed')).toMatchObject({ code: 1, out: expect.stringContaining('changed  chain 0, record 1') })
    // Values that read as what was written, and are not.
    for (const [name, from, to] of [
      ['later', /"at":"([^"]*)Z","action"/, '"at":"$1700Z","action"'],
      ['endless', /"after":\{/, '"after":{"endless":1e400,'],
      ['lone', /"reason":"test"/, '"reason":"test\\ud800"'],
    ] as const) {
      const at = lines.findIndex((line) => line.startsWith('{"entry"') && from.test(line))
      write(
        name,
        lines.map((line, index) => (index === at ? line.replace(from, to) : line)),
      )
      expect(await offline(name)).toMatchObject({ code: 1, out: expect.stringMatching(/^changed {2}chain \d+, record \d+, id/m) })
    }
    write('cut', lines.slice(0, -3))
    expect(await offline('cut')).toMatchObject({ code: 1, err: expect.stringContaining('has no end') })
    write('without', [...lines.slice(0, 5), ...lines.slice(6)])
    expect(await offline('without')).toMatchObject({ code: 1, err: expect.stringContaining('were written') })
    write('continued', [...lines, lines[6] ?? ''])
    expect(await offline('continued')).toMatchObject({ code: 1, err: expect.stringContaining('behind the end') })
    write(
      'damaged',
      lines.map((line, index) => (index === 6 ? '{"entry":{"id":"x"}}' : line)),
    )
    expect(await offline('damaged')).toMatchObject({ code: 1, err: expect.stringMatching(/damaged:7: is no audit record/) })
  })

  it('goes to standard output as JSON lines, or as CSV of which no cell is a formula', async () => {
    const { out } = await run('export')
    expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ export: 'castellan-audit-export', heads: expect.any(Array) })
    await wires.house.administration.putUser({ ...wires.house.context, reason: '=1+1' }, { user: 'eve' })
    const csv = await run('export', '--format', 'csv')
    const rows = csv.out.split('\r\n')
    expect(rows[0]).toBe(
      '"id","at","action","result","actor","actorName","tenant","user","target","reason","before","after","position","requestId","chain","sequence","previousHash","hash"',
    )
    expect(csv.out).toContain(`,"'=1+1",`)
    expect(csv.out).not.toMatch(/(^|,)"\s*[=+@-]/m)
    expect(rows.at(-1)).toBe('')
  })

  it('leaves nothing that could be taken for whole when it fails', async () => {
    const failed = await runCommand(['audit', 'export', '--file', file('half.jsonl')], {
      CASTELLAN_URL: `http://127.0.0.1:${wires.http.port}`,
      CASTELLAN_KEY: wires.keys.decide,
    })
    expect(failed.code).toBe(1)
    expect(readdirSync(folder).filter((name) => name.startsWith('half'))).toEqual([])
    expect(await run('export', '--file', join(folder, 'none', 'x'))).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') })
  })
})

describe('audit key', () => {
  it('prints the public half of the key, by which checkpoints verify', async () => {
    const pem = audit.key.export({ type: 'pkcs8', format: 'pem' }).toString()
    const printed = await runCommand(['audit', 'key'], { CASTELLAN_AUDIT_KEY: pem })
    expect(printed).toEqual({ code: 0, out: audit.pem, err: `key id: ${audit.keys[0]?.keyId}\n` })
    expect(await runCommand(['audit', 'key'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('CASTELLAN_AUDIT_KEY_FILE is not set'),
    })
    const refused = await runCommand(['audit', 'key'], { CASTELLAN_AUDIT_KEY: 'no key' })
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('must be a PKCS#8 key in PEM') })
    expect(refused.err).not.toContain('no key')
  })
})

describe('audit list', () => {
  it('names the actions there are, and refuses another', async () => {
    expect((await run('list', '--help')).out).toContain('"assignment.grant"')
    expect(await run('list', '--action', 'assignment.give')).toMatchObject({ code: 2, err: expect.stringContaining('assignment.grant') })
    expect(await run('list', '--action', 'tenant.suspend')).toMatchObject({ code: 0, out: expect.stringContaining('tenant.suspend') })
  })
})
