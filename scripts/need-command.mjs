/** Installs a program of the system that tests or the bench need, when there is none and it may. Starts no service, and uses none that a package may start. */
import { spawnSync } from 'node:child_process'

/** How each package manager installs a package; the first one found is taken. */
const managers = [
  { name: 'apt-get', root: true, commands: [['update'], ['install', '-y', '--no-install-recommends']] },
  { name: 'dnf', root: true, commands: [['install', '-y']] },
  { name: 'apk', root: true, commands: [['add']] },
  { name: 'brew', root: false, commands: [['install']] },
]

/** Whether a command succeeds; its output is nobody's. */
export const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Words that make a command one of root, without asking anybody; `undefined` when there are none. */
function asRoot() {
  if (process.getuid?.() === 0) return []
  return runs('sudo', '-n', 'true') ? ['sudo', '-n'] : undefined
}

/**
 * @param what name of the program, for the person who reads along
 * @param present says whether it is there
 * @param packages name of the package by package manager
 * @returns why there is none; `undefined` when there is one now
 */
export function needCommand(what, present, packages) {
  if (present()) return undefined
  const manager = managers.find(({ name }) => runs(name, '--version'))
  if (manager === undefined) return 'no package manager was found that could install it'
  const rooted = manager.root ? asRoot() : []
  if (rooted === undefined) return `${manager.name} would have to be root, and sudo asks for a password`
  for (const args of manager.commands) {
    const [command, ...rest] = [...rooted, manager.name, ...args, ...(args[0] === 'update' ? [] : [packages[manager.name]])]
    console.log(`No ${what}, which is needed here; installing it: ${[command, ...rest].join(' ')}`)
    const { status } = spawnSync(command, rest, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    // A list of packages that cannot be renewed may still be good enough.
    if (status !== 0 && args[0] !== 'update') return `${manager.name} could not install it`
  }
  return present() ? undefined : `${manager.name} installed it, but it is not on the PATH`
}
