/** Dockerfile, compose file and their examples, held against the code: there is no container engine where tests run. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { settingNames } from '../../src/ground/settings.ts'
import { buildProgram } from '../../src/main/command-line/program.ts'
import { policiesFrom } from '../../src/main/service-plan.ts'
import { settingTable } from '../../src/main/setting-table.ts'
import { readIdentitySettings, readMigrateSettings, readServeSettings } from '../../src/main/settings.ts'
import { STOP_TIMEOUT_MS } from '../../src/main/signals.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(`${root}${name}`, 'utf8')

interface ComposeService {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly stop_grace_period?: string
}
const composeText = read('docker-compose.yml')
const compose = parse(composeText) as {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, unknown>>
}
const ours = ['migrate', 'decision', 'identity'].map((name) => [name, compose.services[name] ?? {}] as const)
const fromImage = (service: ComposeService) => service.image?.startsWith('castellan:') === true

/** Instructions with their continuation lines joined, without comments. */
const dockerfile = read('Dockerfile')
  .split('\n')
  .filter((line) => !line.trimStart().startsWith('#'))
  .join('\n')
  .replace(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [instruction = '', ...rest] = line.trim().split(' ')
    return { instruction, rest: rest.join(' ') }
  })
const finalStage = dockerfile.slice(dockerfile.findLastIndex(({ instruction }) => instruction === 'FROM'))
const of = (instruction: string) => finalStage.filter((line) => line.instruction === instruction).map((line) => line.rest)
const imageEnvironment = Object.fromEntries(
  of('ENV').flatMap((rest) => rest.split(/\s+/).map((pair) => pair.split('=') as [string, string])),
)

/** What compose would put for `${NAME:?…}` and `${NAME:-…}`. */
const secrets: Readonly<Record<string, string>> = { POSTGRES_PASSWORD: 'p'.repeat(48), CASTELLAN_ADMIN_KEY: 'k'.repeat(64) }
const filled = (environment: Readonly<Record<string, string>> = {}, env = secrets) =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_, variable: string, operator: string, otherwise: string) => {
        if (operator === '?' && (env[variable] ?? '') === '') throw new Error(`compose demands ${variable}`)
        const given = env[variable] ?? ''
        return given === '' && operator === '-' ? otherwise : given
      }),
    ]),
  )

const program = () => buildProgram({ out: () => undefined, err: () => undefined, environment: {}, colours: false, nowMs: () => 0 })
const policyCommands = () =>
  program()
    .commands.find((command) => command.name() === 'policy')
    ?.commands.map((command) => command.name())

describe('docker-compose.yml', () => {
  it('names only settings that exist, with values that the code accepts', () => {
    const known = settingNames(settingTable)
    for (const [, service] of ours)
      for (const name of Object.keys(service.environment ?? {})) if (name.startsWith('CASTELLAN_')) expect(known).toContain(name)
    expect(readMigrateSettings({ ...imageEnvironment, ...filled(compose.services['migrate']?.environment) }).databaseUrl).toBe(
      `postgres://castellan:${secrets['POSTGRES_PASSWORD']}@postgres:5432/castellan`,
    )
    const decision = readServeSettings({ ...imageEnvironment, ...filled(compose.services['decision']?.environment) })
    expect(decision).toMatchObject({ httpHost: '0.0.0.0', httpPort: 8080, grpcPort: 9090, metricsPort: 9464, policies: '/policies' })
    expect(decision.policySource).toBe('published')
    expect(decision.redisUrl).toMatchObject({ mode: 'single', servers: [{ host: 'redis', port: 6379 }] })
  })

  it('begins with the mounted folder as its first policy, goes by what is published then, and lets .env say otherwise', () => {
    const environment = compose.services['decision']?.environment
    const plan = (env: Readonly<Record<string, string>>) =>
      policiesFrom(readServeSettings({ ...imageEnvironment, ...filled(environment, env) }), {
        source: 'published',
        directory: './policies',
      })
    for (const env of [secrets, { ...secrets, CASTELLAN_POLICY_SOURCE: '' }])
      expect(plan(env)).toEqual({ source: 'published', first: '/policies' })
    expect(plan({ ...secrets, CASTELLAN_POLICY_SOURCE: 'directory' })).toMatchObject({ source: 'directory', directory: '/policies' })
    // The commands that its comment teaches.
    for (const [, name = ''] of composeText.matchAll(/castellan policy ([a-z]+)/g)) expect(policyCommands()).toContain(name)
  })

  it('has an identity service whose tokens the decision service takes, and neither when nothing is said of it', () => {
    const said = {
      ...secrets,
      CASTELLAN_ISSUER: 'https://login.example.org',
      CASTELLAN_TOKEN_AUDIENCE: 'castellan',
      CASTELLAN_IDENTITY_SECRET: Buffer.alloc(32, 1).toString('base64'),
      CASTELLAN_SMTP_URL: 'smtps://mail.example.org',
      CASTELLAN_MAIL_FROM: 'login@example.org',
    }
    const identity = readIdentitySettings({ ...imageEnvironment, ...filled(compose.services['identity']?.environment, said) })
    expect(identity).toMatchObject({ identityHost: '0.0.0.0', identityPort: 8081 })
    const environment = compose.services['decision']?.environment
    const { issuer, tokenAudience } = identity
    expect(readServeSettings({ ...imageEnvironment, ...filled(environment, said) })).toMatchObject({ issuer, tokenAudience })
    expect(readServeSettings({ ...imageEnvironment, ...filled(environment) }).issuer).toBeUndefined()
    expect(compose.services['identity']?.ports).toEqual(['127.0.0.1:8081:8081'])
    expect(compose.services['identity']?.depends_on).toEqual(compose.services['decision']?.depends_on)
  })

  it('starts without the first administrator, which SECURITY.md has removed once there is another', () => {
    const { CASTELLAN_ADMIN_KEY: _, ...removed } = secrets
    const environment = compose.services['decision']?.environment
    for (const env of [removed, { ...secrets, CASTELLAN_ADMIN_KEY: '' }])
      expect(readServeSettings({ ...imageEnvironment, ...filled(environment, env) }).adminKey).toBeUndefined()
    expect(readServeSettings({ ...imageEnvironment, ...filled(environment) }).adminKey).toBe(secrets['CASTELLAN_ADMIN_KEY'])
  })

  it('runs only commands of the command line', () => {
    const commands = program().commands.map((command) => command.name())
    for (const [, service] of ours) {
      expect(fromImage(service)).toBe(true)
      expect(commands).toContain(service.command?.[0])
      expect(service.command).toHaveLength(1)
    }
  })

  it('migrates as a step of its own, after the database is healthy and before the service starts', () => {
    expect(compose.services['migrate']?.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
    expect(compose.services['decision']?.depends_on).toMatchObject({ migrate: { condition: 'service_completed_successfully' } })
    for (const name of ['postgres', 'redis']) expect(compose.services[name]?.healthcheck?.test?.length).toBeGreaterThan(1)
  })

  it('keeps nothing of Redis, and lets it evict rather than refuse', () => {
    const words = compose.services['redis']?.command ?? []
    const given = (option: string) => words[words.indexOf(option) + 1]
    expect(compose.services['redis']?.volumes).toBeUndefined()
    expect([given('--save'), given('--appendonly'), given('--maxmemory-policy')]).toEqual(['', 'no', 'allkeys-lru'])
    expect(compose.services['decision']?.depends_on).toMatchObject({ redis: { condition: 'service_healthy' } })
  })

  it('agrees with itself on user, database and password of PostgreSQL', () => {
    const environment = filled(compose.services['postgres']?.environment)
    for (const [, service] of ours) {
      const url = new URL(filled(service.environment)['CASTELLAN_DATABASE_URL'] ?? '')
      expect([url.username, url.password, url.pathname, url.hostname]).toEqual([
        environment['POSTGRES_USER'],
        environment['POSTGRES_PASSWORD'],
        `/${environment['POSTGRES_DB']}`,
        'postgres',
      ])
    }
  })

  it('holds no secret: each comes from .env, required where no service of ours tells that it is missing, and .env.example names each', () => {
    const required = [...composeText.matchAll(/\$\{(\w+)(:\?|:-[a-z]*\})?/g)]
    // What is ours and missing is told by the service itself, all at once; what has a default is no secret.
    const defaulted: Readonly<Record<string, string>> = { POSTGRES_PASSWORD: ':?', CASTELLAN_POLICY_SOURCE: ':-published}' }
    for (const [, variable = '', operator] of required) expect(operator).toBe(defaulted[variable] ?? ':-}')
    const examples = read('.env.example')
    for (const name of new Set(required.map(([, variable]) => variable ?? ''))) expect(examples).toMatch(new RegExp(`^${name}=$`, 'm'))
    expect(read('.gitignore').split('\n')).toContain('.env')
    expect(composeText).not.toMatch(/PASSWORD: (?!\$)/)
  })

  it('publishes the ports that the image exposes, on this machine only, and mounts folders that exist', () => {
    const exposed = of('EXPOSE').flatMap((rest) => rest.split(' '))
    const published = ['decision', 'identity'].flatMap((name) => compose.services[name]?.ports ?? [])
    expect([...published].sort()).toEqual(exposed.map((port) => `127.0.0.1:${port}:${port}`))
    for (const volume of compose.services['decision']?.volumes ?? []) {
      const [from = '', to] = volume.split(':')
      expect(existsSync(`${root}${from}`)).toBe(true)
      expect(to).toBe(compose.services['decision']?.environment?.['CASTELLAN_POLICIES'])
    }
    for (const name of Object.keys(compose.volumes)) expect(composeText).toContain(`- ${name}:`)
  })

  it('waits longer for the service to stop than the service takes at most', () => {
    for (const name of ['decision', 'identity']) {
      const { stop_grace_period: grace = '' } = compose.services[name] ?? {}
      expect(Number(/^(\d+)s$/.exec(grace)?.[1]) * 1_000).toBeGreaterThan(
        Number(settingTable.stopSettleSeconds.fallback) * 1_000 + STOP_TIMEOUT_MS,
      )
    }
  })
})

describe('Dockerfile', () => {
  it('builds on a current LTS of Node that package.json allows', () => {
    const images = dockerfile.filter(({ instruction }) => instruction === 'FROM').map(({ rest }) => rest.split(' ')[0])
    expect(new Set(images)).toEqual(new Set(['node:24-slim']))
    const engines = (JSON.parse(read('package.json')) as { readonly engines: { readonly node: string } }).engines.node
    expect(engines).toBe('>=20.19')
  })

  it('copies only what exists or what its build makes, and .dockerignore lets all of it in', () => {
    const ignored = read('.dockerignore').split('\n')
    const made = ['dist', 'node_modules']
    for (const { rest } of dockerfile.filter(({ instruction }) => instruction === 'COPY')) {
      const staged = rest.startsWith('--from=build ')
      const sources = rest
        .replace('--from=build ', '')
        .split(' ')
        .slice(0, -1)
        .map((source) => source.replace(/^\/app\//, ''))
      for (const source of sources) {
        if (staged && made.includes(source)) continue
        expect(existsSync(`${root}${source}`)).toBe(true)
        expect(ignored).toContain(`!${source}`)
      }
    }
    expect(ignored).toContain('*')
  })

  it('copies all that the build reads', () => {
    // Every quoted name of the script that stands in the root, what those files build on, and what buf looks for by itself.
    const quoted = [...read('scripts/build.mjs').matchAll(/'([^'\n]+)'/g)].flatMap(([, name = '']) => name.split('/')[0] ?? [])
    const ofOthers = ['dist', 'node_modules', 'LICENSE', 'NOTICE']
    const named = quoted.filter((name) => /^[\w-]/.test(name) && !ofOthers.includes(name) && existsSync(`${root}${name}`))
    const extended = named.flatMap((name) =>
      [...(statSync(`${root}${name}`).isFile() ? read(name) : '').matchAll(/"extends": "\.\/([^"]+)"/g)].map(([, other = '']) => other),
    )
    const needed = new Set([...named, ...extended, 'package.json', 'buf.yaml'])
    expect([...needed]).toEqual(expect.arrayContaining(['src', 'proto', 'migrations', 'scripts', 'tsconfig.types.json']))
    const buildStage = dockerfile.slice(0, dockerfile.indexOf(finalStage[0] ?? { instruction: '', rest: '' }))
    const copied = buildStage.flatMap(({ instruction, rest }) => (instruction === 'COPY' ? rest.split(' ').slice(0, -1) : []))
    expect([...needed].filter((name) => !copied.includes(name))).toEqual([])
  })

  it('ships what a command reads at run time, and no development dependency', () => {
    const targets = of('COPY').map((rest) => rest.split(' ').at(-1))
    expect(targets).toEqual(expect.arrayContaining(['./dist', './proto', './policies', './docs', './package.json', './node_modules']))
    expect(dockerfile.some(({ instruction, rest }) => instruction === 'RUN' && rest.includes('npm prune --omit=dev'))).toBe(true)
    expect(targets).not.toContain('./src')
  })

  it('runs as a numbered user who is not root, and in production', () => {
    expect(of('USER')).toEqual(['1000:1000'])
    expect(imageEnvironment).toMatchObject({ NODE_ENV: 'production' })
    // Its samples are nobody's policy unless somebody says so.
    expect(imageEnvironment).not.toHaveProperty('CASTELLAN_POLICIES')
  })

  it('starts and checks the command that package.json installs, with settings that exist', () => {
    const manifest = JSON.parse(read('package.json')) as { readonly bin: { readonly castellan: string } }
    const entry = manifest.bin.castellan
    expect(of('ENTRYPOINT')).toEqual([`["node", "${entry}"]`])
    expect(of('HEALTHCHECK')[0]).toContain(`CMD ["node", "${entry}", "healthcheck"]`)
    expect(of('CMD')).toEqual(['["serve"]'])
    for (const name of Object.keys(imageEnvironment)) if (name.startsWith('CASTELLAN_')) expect(settingNames(settingTable)).toContain(name)
    expect(of('EXPOSE')[0]?.split(' ')).toEqual(
      [settingTable.httpPort, settingTable.identityPort, settingTable.grpcPort, settingTable.metricsPort].map((port) => port.fallback),
    )
  })
})
