/** Starts a real redis-server from PATH, in a temporary directory on a free loopback port; stopping removes it. Keeps nothing on disk. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RedisOptions {
  readonly password?: string
  /** Over TLS only, with a certificate for 127.0.0.1 that `ca` vouches for: one of its own, or that of another server. */
  readonly tls?: true | TestRedis
  /** A cluster of this one node. */
  readonly cluster?: boolean
  /** A sentinel that watches this master under the name `castellan`; it needs the same password and TLS. */
  readonly sentinelOf?: TestRedis
  readonly replicaOf?: TestRedis
}

export interface TestRedis {
  readonly port: number
  /** `redis://…` or `rediss://…`, with the password. */
  readonly url: string
  /** Where its certificates lie. */
  readonly folder: string
  /** The authority of its certificate; empty without TLS. */
  readonly ca: Buffer
  /** Runs a command by redis-cli, apart from any client of ours. @returns lines of its plain output */
  command(...words: readonly string[]): string[]
  /** Stops it in its tracks: connections stay, nothing is answered. */
  pause(): void
  resume(): void
  /** As a crash would; on the same port it can be started again, empty. */
  kill(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-redis-'))
  const port = await freePort(options.cluster === true ? 55_535 : 65_535)
  if (options.tls === true) certify(folder)
  const certificates = certificatesOf(folder, options)
  const access = [
    ...(options.password === undefined ? [] : ['--no-auth-warning', '-a', options.password]),
    ...(options.tls === undefined ? [] : ['--tls', '--cacert', join(certificates, 'ca.crt')]),
  ]
  const command = (...words: readonly string[]) =>
    execFileSync('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...access, ...words], {
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 10_000,
    })
      .trimEnd()
      .split('\n')
  let server = await launch(folder, port, options)
  let paused = false
  if (options.cluster === true) command('cluster', 'addslots', ...Array.from({ length: 16_384 }, (_, slot) => String(slot)))
  const kill = async () => {
    paused = false
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  const redis: TestRedis = {
    port,
    folder,
    url: `redis${options.tls === undefined ? '' : 's'}://${options.password === undefined ? '' : `:${options.password}@`}127.0.0.1:${port}`,
    ca: options.tls === undefined ? Buffer.alloc(0) : readFileSync(join(certificates, 'ca.crt')),
    command,
    pause: () => {
      paused = server.kill('SIGSTOP')
    },
    resume: () => {
      if (paused) server.kill('SIGCONT')
      paused = false
    },
    kill,
    restart: async () => {
      await kill()
      server = await launch(folder, port, options)
    },
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  if (options.cluster === true) await until(() => command('cluster', 'info').some((line) => line.startsWith('cluster_state:ok')))
  return redis
}

async function launch(folder: string, port: number, options: RedisOptions): Promise<ChildProcess> {
  const lines = [
    'bind 127.0.0.1',
    `dir ${folder}`,
    ...(options.tls === undefined ? [`port ${port}`] : tlsLines(port, certificatesOf(folder, options))),
    ...(options.password === undefined ? [] : [`requirepass ${options.password}`]),
    ...(options.sentinelOf === undefined ? ['save ""', 'appendonly no', 'maxclients 200'] : sentinelLines(options.sentinelOf, options)),
    ...(options.replicaOf === undefined ? [] : [`replicaof 127.0.0.1 ${options.replicaOf.port}`]),
    ...(options.cluster === true
      ? ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1', ...(options.tls === undefined ? [] : ['tls-cluster yes'])]
      : []),
  ]
  const file = join(folder, 'redis.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const server = spawn('redis-server', [file, ...(options.sentinelOf === undefined ? [] : ['--sentinel'])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const missing = new Promise<never>((_, reject) =>
    server.once('error', (fault) => reject(new Error(`No Redis for the tests; install redis-server (${fault.message})`))),
  )
  const output: string[] = []
  for (const stream of [server.stdout, server.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  // A child that a failing test leaves behind must not outlive the run.
  const end = () => void server.kill('SIGKILL')
  process.once('exit', end)
  server.once('exit', () => process.off('exit', end))
  const ready = /Ready to accept connections|Sentinel ID is/
  await Promise.race([missing, until(() => ready.test(output.join('')) || failed(server, output))])
  return server
}

function sentinelLines({ port }: TestRedis, { password, tls }: RedisOptions): string[] {
  return [
    `sentinel monitor castellan 127.0.0.1 ${port} 1`,
    'sentinel down-after-milliseconds castellan 500',
    'sentinel failover-timeout castellan 2000',
    ...(password === undefined ? [] : [`sentinel auth-pass castellan ${password}`]),
    // Sentinels reach a master as replicas do.
    ...(tls === undefined ? [] : ['tls-replication yes']),
  ]
}

function tlsLines(port: number, certificates: string): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${join(certificates, 'server.crt')}`,
    `tls-key-file ${join(certificates, 'server.key')}`,
    `tls-ca-cert-file ${join(certificates, 'ca.crt')}`,
    'tls-auth-clients no',
  ]
}

function certificatesOf(folder: string, { tls }: RedisOptions): string {
  return tls === undefined || tls === true ? folder : tls.folder
}

function failed(server: ChildProcess, output: readonly string[]): false {
  if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}:\n${output.join('')}`)
  return false
}

/** Waits for a fact of another process, which no clock of ours brings about. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('It did not come about within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function certify(folder: string): void {
  const make = (name: string, ...more: readonly string[]) => {
    const fresh = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    ]
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)]
    execFileSync('openssl', [...fresh, ...more, ...files], { stdio: 'ignore' })
  }
  make('ca', '-addext', 'basicConstraints=critical,CA:TRUE')
  make('server', '-addext', 'subjectAltName=IP:127.0.0.1', '-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key'))
}

/** @param most a node of a cluster also takes the port 10,000 above its own */
async function freePort(most: number): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port > most ? await freePort(most) : port
}
