/** What the README and the help say is true: its commands run against a started service and answer as written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { buildProgram } from '../../src/main/command-line/program.ts'
import { runCommandLine } from '../../src/main/command-line/run.ts'
import { sampleQuestions } from '../../src/main/samples.ts'
import { type RunningService, runCastellan, startDev } from '../support/castellan-process.ts'
import { commandsOf, documentedBlocks, makeReadersFolder, runBlock } from '../support/documented-commands.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = documentedBlocks('README.md')

const { folder, remove } = makeReadersFolder()
let service: RunningService & { readonly identity: string }
beforeAll(async () => {
  service = await startDev({ cwd: folder })
})
afterAll(async () => {
  service.process.kill('SIGKILL')
  await service.process.ended
  remove()
})

describe('README', () => {
  it('begins with the one command that does all, and then the one that tests', () => {
    const first = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text.trim())
    expect(first.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test'])
  })

  it('shows the banner as it is printed, but for what is made by chance', () => {
    const masked = (text: string) =>
      text
        .replaceAll(service.url, 'http://127.0.0.1:8080')
        .replaceAll(service.grpc, '127.0.0.1:9090')
        .replaceAll(service.identity, 'http://127.0.0.1:8081')
        .replaceAll(encodeURIComponent(service.identity), encodeURIComponent('http://127.0.0.1:8081'))
        .replaceAll(service.probes, 'http://127.0.0.1:9464')
        .replaceAll(service.key, '<key>')
        .replaceAll(/revision [0-9a-f]{12}/g, 'revision …')
        .replace('<a random one, made for you>', '<key>')
        .replace(/ CASTELLAN_URL=\S+ CASTELLAN_IDENTITY_URL=\S+;/, ';')
        .trim()
    const shown = [...readme.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)[0] ?? ''
    expect(masked(shown)).toBe(masked(service.process.out()))
  })

  it('has commands to run', () => {
    expect(blocks.flatMap(commandsOf).filter(({ expected }) => expected !== undefined).length).toBeGreaterThan(15)
  })

  it.each(blocks.map((block) => [block.split('\n')[0] ?? '', block]))('is answered as it says: %s', (_, block) => {
    const environment = { CASTELLAN_URL: service.url, CASTELLAN_IDENTITY_URL: service.identity }
    runBlock(block, folder, environment, [
      ['http://127.0.0.1:8080', service.url],
      ['http://127.0.0.1:8081', service.identity],
      ['127.0.0.1:9090', service.grpc],
      ['http://127.0.0.1:9464', service.probes],
    ])
  })

  it('links only to what exists', () => {
    for (const [, target = ''] of readme.matchAll(/\]\(([^)#]+)\)/g))
      if (!target.startsWith('http')) expect(() => readFileSync(join(root, target))).not.toThrow(/ENOENT/)
  })
})

describe('castellan --help', () => {
  const silent = { out: () => undefined, err: () => undefined, environment: {}, colours: false, nowMs: () => 0 }

  it('gives every command an example', () => {
    const leaves = (command: ReturnType<typeof buildProgram>): readonly ReturnType<typeof buildProgram>[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap((one) => leaves(one as ReturnType<typeof buildProgram>))
    for (const command of leaves(buildProgram(silent))) {
      let help = ''
      command
        .configureOutput({
          writeOut: (text) => {
            help += text
          },
        })
        .outputHelp()
      expect({ command: command.name(), help }).toMatchObject({ help: expect.stringMatching(/Examples:\n {2}\$ (.* )?castellan /) })
    }
  })

  const end = async (...args: string[]) => {
    const written = { out: '', err: '' }
    const code = await runCommandLine(args, {
      ...silent,
      out: (text) => {
        written.out += text
      },
      err: (text) => {
        written.err += text
      },
    })
    return { code, ...written }
  }

  it('ends wrong usage with 2, asked help with 0, and says what is near a typo', async () => {
    expect((await end('--help')).code).toBe(0)
    expect((await end('user')).code).toBe(2)
    expect(await end('chekc')).toMatchObject({ code: 2, err: expect.stringContaining('check') })
    expect((await end('check', 'ann')).code).toBe(2)
    expect(await end('grant', 'ann', 'acme', 'coder', '--until', 'tomorrow')).toMatchObject({
      code: 2,
      err: expect.stringContaining('PT2H'),
    })
    expect((await end('check', 'a', 'b', 'c', '--resource', '[1]')).code).toBe(2)
    expect(await end('revoke', 'ann', 'acme')).toMatchObject({ code: 2, err: expect.stringContaining('--id') })
    expect(await end('user', 'show', '..')).toMatchObject({ code: 2, err: expect.stringContaining('gRPC') })
    expect(await end('policy', 'validate', '/nowhere')).toMatchObject({ code: 3 })
    expect(await end('help')).toMatchObject({ code: 0, out: expect.stringContaining('First steps') })
    expect(await end('help', 'policy')).toMatchObject({ code: 0, out: expect.stringContaining('castellan policy') })
    expect(await end('help', 'polcy')).toMatchObject({ code: 2 })
  })

  it('refuses a list with commas, which would be taken as one name', async () => {
    const make = ['caller', 'create', 'desk', '--scopes']
    expect(await end(...make, 'decide,audit')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Separate by blanks: --scopes decide administer'),
    })
    expect(await end(...make, 'decide', '--tenants', 'acme,foo')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Separate by blanks: --tenants'),
    })
  })

  it('writes the faults of broken files as JSON when asked, from validate and from test', async () => {
    for (const command of ['validate', 'test']) {
      const { code, out } = await end('policy', command, '/nowhere', '-o', 'json')
      expect(code).toBe(3)
      expect(JSON.parse(out)).toMatchObject({ valid: false, faults: [{ code: 'unreadable' }] })
    }
  })
})

describe('castellan, asking a service', () => {
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runCastellan(args, { cwd: folder, environment: { CASTELLAN_URL: service.url, CASTELLAN_KEY: service.key, ...more } })
  const { user, tenant, permission } = sampleQuestions.denied.question

  it('exits 0 for a decision, allow or deny, and prints it as JSON when asked', async () => {
    const denied = await run(['check', user, tenant, permission, '-o', 'json'])
    expect(denied.code).toBe(0)
    expect(JSON.parse(denied.out)).toMatchObject({ allowed: false, reason: 'ROLE_LACKS_PERMISSION' })
  })

  it('shows title, violations and hint of an error, and exits 1', async () => {
    const refused = await run(['grant', 'ann', 'acme', 'salespersn'])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain('role: ')
    const unknown = await run(['check', user, tenant, permission], { CASTELLAN_KEY: 'cst_nobody' })
    expect(unknown).toMatchObject({ code: 1, out: '' })
    expect(unknown.err).toContain('Set CASTELLAN_KEY_FILE or --key')
    expect(unknown.err).not.toContain('Authorization')
    expect(unknown.err).not.toContain('cst_nobody')
  })

  it('does not let a revocation of what was never held look like success', async () => {
    const never = await run(['revoke', 'ann', 'acme', 'finance-clerk'])
    expect(never.out).toContain('ann holds no "finance-clerk" at acme: nothing to change')
  })

  it('says where it asked when nobody answers', async () => {
    const alone = await run(['check', user, tenant, permission, '--url', 'http://127.0.0.1:1'])
    expect(alone).toMatchObject({ code: 1, out: '' })
    expect(alone.err).toContain('No answer from http://127.0.0.1:1')
  })

  it('keeps ids whole that look like paths, queries or options', async () => {
    const id = 'a/b?c=d&e#f %2e é'
    expect((await run(['grant', '--', id, id, 'salesperson'])).code).toBe(0)
    expect((await run(['check', '-o', 'json', '--', id, id, 's.q.c'])).out).toContain('"allowed": true')
    expect((await run(['assignments', '--', id, id])).out).toContain('salesperson')
    expect((await run(['user', 'show', '--', id])).out).toContain(id)
    expect((await run(['revoke', '--', id, id, 'salesperson'])).code).toBe(0)
    expect((await run(['check', '--', '-rf', 'acme', 's.q.c'])).out).toContain('UNKNOWN_USER')
  })

  it('follows pages to the limit and says when there is more', async () => {
    const few = await run(['audit', 'list', '--limit', '2'])
    expect(few.out.trim().split('\n')).toHaveLength(4)
    expect(few.out).toContain('raise --limit')
    const all = JSON.parse((await run(['audit', 'list', '--limit', '10000', '-o', 'json'])).out) as {
      entries: unknown[]
      nextPageToken?: string
    }
    expect(all.entries.length).toBeGreaterThan(10)
    expect(all.nextPageToken).toBeUndefined()
  })

  it('suspends and resumes a tenant, and revokes a caller, whose key is refused from then on', async () => {
    expect((await run(['tenant', 'suspend', 'north-clinic', '--reason', 'unpaid'])).out).toContain('suspended')
    expect((await run(['check', 'ann', 'north-clinic', 'c.vp'])).out).toContain('TENANT_SUSPENDED')
    expect((await run(['tenant', 'resume', 'north-clinic', '--reason', 'paid'])).out).toContain('resumed')
    const { caller, key } = JSON.parse((await run(['caller', 'create', 'desk', '--scopes', 'decide', '-o', 'json'])).out) as {
      caller: { id: string }
      key: string
    }
    expect((await run(['check', 'ann', 'north-clinic', 'c.vp'], { CASTELLAN_KEY: key })).out).toContain('allow')
    expect((await run(['caller', 'list'])).out).not.toContain(key)
    expect((await run(['caller', 'revoke', caller.id, '--reason', 'leaked'])).code).toBe(0)
    expect((await run(['check', 'ann', 'north-clinic', 'c.vp'], { CASTELLAN_KEY: key })).code).toBe(1)
  })
})
