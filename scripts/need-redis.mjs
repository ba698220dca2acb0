/**
 * Sees to it that the tests find a redis-server: installs the system's package when there is none and it may. Starts no service, and uses none that a
 * package may start. When it cannot, it says what to do and no more: the tests that need Redis fail then, each with the same reason.
 */
import { spawnSync } from 'node:child_process'

/** How each package manager installs it; the first one found is taken. */
const managers = [
  { name: 'apt-get', root: true, commands: [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']] },
  { name: 'dnf', root: true, commands: [['install', '-y', 'redis']] },
  { name: 'apk', root: true, commands: [['add', 'redis']] },
  { name: 'brew', root: false, commands: [['install', 'redis']] },
]

const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const present = () => runs('redis-server', '--version') && runs('redis-cli', '--version')

/** Words that make a command one of root, without asking anybody; `undefined` when there are none. */
function asRoot() {
  if (process.getuid?.() === 0) return []
  return runs('sudo', '-n', 'true') ? ['sudo', '-n'] : undefined
}

/** @returns why it could not be installed */
function install() {
  const manager = managers.find(({ name }) => runs(name, '--version'))
  if (manager === undefined) return 'no package manager was found that could install it'
  const rooted = manager.root ? asRoot() : []
  if (rooted === undefined) return `${manager.name} would have to be root, and sudo asks for a password`
  for (const args of manager.commands) {
    const [command, ...rest] = [...rooted, manager.name, ...args]
    console.log(`No redis-server, which tests need; installing it: ${[command, ...rest].join(' ')}`)
    const { status } = spawnSync(command, rest, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    // A list of packages that cannot be renewed may still be good enough.
    if (status !== 0 && args[0] !== 'update') return `${manager.name} could not install it`
  }
  return present() ? undefined : `${manager.name} installed it, but redis-server and redis-cli are not on the PATH`
}

const fault = present() ? undefined : install()
if (fault !== undefined)
  console.error(
    `\nNo redis-server: ${fault}. Tests that need it will fail. Install Redis 6 or newer, with redis-server and redis-cli on the PATH ` +
      '(the package is redis-server on Debian and Ubuntu, redis elsewhere).\n',
  )
