/** Where servers and load run: on cores of their own, where this machine has two and `taskset`. Asks the machine once, starts nothing. */
import { spawnSync } from 'node:child_process'

export interface Place {
  /** Core of every server that is measured; undefined: wherever the system puts it. */
  readonly server: number | undefined
  /** Core of what loads it, and of whoever reads what it writes. */
  readonly load: number | undefined
  readonly note: string
}

export function findPlace(cores: number): Place {
  const nowhere = { server: undefined, load: undefined }
  if (cores < 2)
    return { ...nowhere, note: 'one core only: servers and load share it, which takes from all alike; read the CPU time a request' }
  if (spawnSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' }).status !== 0)
    return { ...nowhere, note: 'no taskset: servers are not held on one core; read the CPU time a request' }
  return { server: 0, load: 1, note: 'servers on core 0, load on core 1 (taskset)' }
}

/** The words that run a command on a core. */
export function onCore(core: number | undefined, command: string, args: readonly string[]): [string, string[]] {
  return core === undefined ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]]
}
