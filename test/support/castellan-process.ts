/** Runs the built command `castellan` as the process that users run. Needs dist/ (npm run build). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const castellanEntry = fileURLToPath(new URL('../../dist/src/main/cli.js', import.meta.url))

/** The environment of a user without settings; ports are free ones, so that suites do not meet. */
export function cleanEnvironment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CASTELLAN_|NODE_ENV$|NODE_OPTIONS$|JEST_|npm_)/.test(name))
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    NO_COLOR: '1',
    CASTELLAN_HTTP_PORT: '0',
    CASTELLAN_GRPC_PORT: '0',
    CASTELLAN_IDENTITY_PORT: '0',
    CASTELLAN_METRICS_PORT: '0',
    ...added,
  }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface RunningCastellan {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Resolves with the first match of standard output or error. @throws when the process ends before */
  seen(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

export interface RunOptions {
  readonly cwd: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts a command and leaves it running. */
export function startCastellan(args: readonly string[], options: RunOptions): RunningCastellan {
  if (!existsSync(castellanEntry)) throw new Error('dist/ is missing: run `npm run build` first')
  return follow(
    spawn(process.execPath, [castellanEntry, ...args], {
      cwd: options.cwd,
      env: cleanEnvironment(options.environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
}

/** Follows a process that was spawned with piped output. */
export function follow(child: ChildProcess): RunningCastellan {
  let out = ''
  let err = ''
  const waiting = new Set<() => void>()
  const tell = () => {
    for (const look of waiting) look()
  }
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
    tell()
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk
    tell()
  })
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, out, err }))
  return {
    child,
    out: () => out,
    err: () => err,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(out) ?? pattern.exec(err)
          if (match === null) return
          waiting.delete(look)
          resolve(match)
        }
        waiting.add(look)
        ended.then((end) => reject(new Error(`ended before ${pattern}: ${JSON.stringify(end)}`)))
        look()
      }),
    kill: (signal) => {
      child.kill(signal)
    },
    ended,
  }
}

/** Runs a command to its end. */
export function runCastellan(args: readonly string[], options: RunOptions): Promise<Ended> {
  return startCastellan(args, options).ended
}

export interface RunningService {
  readonly process: RunningCastellan
  readonly url: string
  readonly grpc: string
  readonly probes: string
  readonly key: string
}

/** `castellan dev` in `cwd`, once it is ready. */
export async function startDev(options: RunOptions): Promise<RunningService & { readonly identity: string }> {
  const process = startCastellan(['dev'], options)
  await process.seen(/^.*castellan --help$/m)
  const line = (name: string) => new RegExp(`^  ${name} +(\\S+)`, 'm').exec(process.out())?.[1] ?? ''
  return { process, url: line('HTTP'), grpc: line('gRPC'), identity: line('identity'), probes: line('probes'), key: line('key') }
}

/** `castellan serve`, once it is ready. */
export async function startServe(key: string, options: RunOptions): Promise<RunningService> {
  const process = startCastellan(['serve'], { ...options, environment: { CASTELLAN_ADMIN_KEY: key, ...options.environment } })
  const [, http, grpc, probes] = await process.seen(/"ports":\{"http":(\d+),"grpc":(\d+),"probes":(\d+)\}/)
  return { process, url: `http://127.0.0.1:${http}`, grpc: `127.0.0.1:${grpc}`, probes: `http://127.0.0.1:${probes}`, key }
}

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** One request to a service, as its administrator. */
export async function ask(service: RunningService, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${service.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}
