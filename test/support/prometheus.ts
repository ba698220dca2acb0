/** Starts a real Prometheus from PATH on a free loopback port, with rules and one target; stopping removes all that it kept. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestPrometheus {
  /** The answer's `data`. @throws with Prometheus' own words */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>
  /** Of an instant query. */
  query(expression: string): Promise<readonly Series[]>
  stop(): Promise<void>
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

/** @param rules absolute path. @param target host and port whose /metrics is scraped each second, as job castellan */
export async function startPrometheus(rules: string, target: string): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-prometheus-'))
  const port = await freePort()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: [{ job_name: 'castellan', static_configs: [{ targets: [target] }] }],
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const said: string[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (fault) => reject(new Error(`prometheus: ${fault.message} (scripts/need-prometheus.mjs installs it)`)))
    child.once('exit', () => reject(new Error(`prometheus ended: ${said.join('')}`)))
  })
  ended.catch(() => undefined)
  const url = `http://127.0.0.1:${port}`
  await Promise.race([ready(`${url}/-/ready`), ended])
  const ask = async (path: string, parameters: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as { readonly status: string; readonly error?: string; readonly data: unknown }
    if (answer.status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${answer.error}`)
    return answer.data
  }
  return {
    ask,
    query: async (query) => ((await ask('query', { query })) as { readonly result: readonly Series[] }).result,
    stop: async () => {
      await kill(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Runs promtool. @returns what it printed. */
export function promtool(args: readonly string[], input = '', cwd?: string): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', [...args], {
    input,
    encoding: 'utf8',
    ...(cwd === undefined ? {} : { cwd }),
  })
  if (error !== undefined) throw new Error(`promtool: ${error.message} (scripts/need-prometheus.mjs installs it)`)
  return { status, text: stdout + stderr }
}

async function ready(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
