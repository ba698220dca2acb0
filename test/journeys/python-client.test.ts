/** The Python client as its own tests see it, against the built service; its types; and its packages as they would be published. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { cleanEnvironment } from '../support/castellan-process.ts'

const project = fileURLToPath(new URL('../../clients/python', import.meta.url))
const scripts = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']
const python = join(project, '.venv', ...scripts)

/** What a command printed, with how it ended. */
function run(command: string, args: readonly string[], cwd: string, environment: Record<string, string> = {}): string {
  // Python would put what it compiled beside its sources, and they are everybody's.
  const env = { ...cleanEnvironment(environment), PYTHONDONTWRITEBYTECODE: '1' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 400_000 })
  return `${stdout}${stderr}${error?.message ?? ''}\nended with ${status}`
}

let folder: string
beforeAll(() => {
  if (!existsSync(python)) throw new Error('clients/python/.venv is missing: run `node scripts/need-python.mjs`, which says what it needs')
  folder = mkdtempSync(join(tmpdir(), 'castellan-python-'))
})
afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

describe('the Python client', () => {
  it('passes its own tests against the real service', () => {
    expect(run(python, ['-m', 'pytest'], project)).toMatch(/\d+ passed.*\nended with 0$/s)
  }, 500_000)

  it('is typed throughout, strictly', () => {
    expect(run(python, ['-m', 'mypy', '--cache-dir', join(folder, 'mypy')], project)).toMatch(/^Success.*\nended with 0$/s)
  }, 500_000)

  it('is a package with nothing in it but itself, which can be imported where nothing else of this repository is', () => {
    const copy = join(folder, 'source')
    cpSync(project, copy, { recursive: true, filter: (path) => !/[/\\](\.venv|__pycache__|dist|tests)$/.test(path) })
    // Without isolation the build takes its tools from the environment, which has them pinned, and no package index is asked.
    expect(run(python, ['-m', 'build', '--no-isolation', '--outdir', join(folder, 'dist'), copy], folder)).toMatch(/\nended with 0$/)
    const built = readdirSync(join(folder, 'dist'))
    expect(built.sort()).toEqual(['castellan_client-0.1.0-py3-none-any.whl', 'castellan_client-0.1.0.tar.gz'])

    const wheel = join(folder, 'dist', built[0] ?? '')
    const packed = run(python, ['-m', 'zipfile', '-l', wheel], folder)
    for (const name of [
      'castellan/py.typed',
      'castellan/_proto/castellan/v1/decision_service_pb2.pyi',
      'licenses/LICENSE',
      'castellan/fastapi/_guard.py',
    ])
      expect(packed).toContain(name)
    expect(packed).not.toMatch(/tests|requirements|__pycache__/)

    // The packages it depends on come from the environment of the tests; its own code from the wheel, unpacked.
    const place = join(folder, 'unpacked')
    expect(run(python, ['-m', 'zipfile', '-e', wheel, place], folder)).toMatch(/ended with 0$/)
    const question =
      'import castellan, castellan.fastapi; print(castellan.__file__); print(castellan.Client("localhost:9090", key="k-e-y"))'
    const answer = run(python, ['-c', question], folder, { PYTHONPATH: place })
    expect(answer).toContain(join(place, 'castellan', '__init__.py'))
    expect(answer).toMatch(/Client\('dns:\/\/\/localhost:9090', tls=False\)\n\nended with 0$/)
  }, 500_000)
})
