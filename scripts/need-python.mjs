/**
 * Sees to it that the tests of the Python client find a Python 3.10 or newer, and clients/python/.venv with what requirements-dev.txt pins, by hash.
 * When it cannot, it says what to do and no more: those tests fail then, with the same reason. Does nothing where all is there and up to date.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { needCommand, runs } from './need-command.mjs'

const project = join(dirname(dirname(fileURLToPath(import.meta.url))), 'clients', 'python')
const requirements = join(project, 'requirements-dev.txt')
const venv = join(project, '.venv')
const python = join(venv, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']))
const stamp = join(venv, '.requirements')

/** Debian has the modules that a virtual environment is made with in a package of their own. */
const USABLE = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'
const findPython = () =>
  ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'].find((name) => runs(name, '-c', USABLE))

/** @returns why there is no environment; `undefined` when there is one */
function needEnvironment() {
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && runs(python, '-c', USABLE)) return undefined
  const fault = needCommand('python3 with venv', () => findPython() !== undefined, {
    'apt-get': 'python3-venv',
    dnf: 'python3',
    apk: 'python3',
    brew: 'python3',
  })
  if (fault !== undefined) return fault
  rmSync(venv, { recursive: true, force: true })
  console.log('Making clients/python/.venv, which tests of the Python client need')
  // Wheels alone: what is built from its source runs code that no hash of ours names.
  const install = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
    '--only-binary=:all:',
    '-r',
    requirements,
  ]
  for (const [command, ...args] of [
    [findPython(), '-m', 'venv', venv],
    [python, ...install],
  ]) {
    // Without the package index it must not hold up everything else for long.
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 })
    if (status !== 0) return `${args[1] === 'venv' ? 'the environment could not be made' : 'its packages could not be installed'}`
  }
  writeFileSync(stamp, wanted)
  return undefined
}

const fault = needEnvironment()
if (fault !== undefined)
  console.error(
    `\nNo Python for the tests of clients/python: ${fault}. They will fail. Install Python 3.10 or newer with venv (on Debian and Ubuntu the ` +
      'package python3-venv), see to it that pip reaches a package index, and run: node scripts/need-python.mjs\n',
  )
