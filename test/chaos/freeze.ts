/** Stops whole trees of processes in their tracks and lets them go on; whatever happens to the run, nothing stays frozen. */
import { execFileSync } from 'node:child_process'

const frozen = new Set<number>()
process.once('exit', thawAll)

export function thawAll(): void {
  for (const pid of frozen) signal(pid, 'SIGCONT')
  frozen.clear()
}

/** Parents first: one that stands still has no more children. @returns how to let them go on */
export function freeze(root: number): () => void {
  const pids: number[] = []
  const stop = (pid: number) => {
    frozen.add(pid)
    signal(pid, 'SIGSTOP')
    pids.push(pid)
    for (const child of childrenOf(pid)) stop(child)
  }
  stop(root)
  return () => {
    for (const pid of pids.reverse()) {
      signal(pid, 'SIGCONT')
      frozen.delete(pid)
    }
  }
}

export function parentOf(pid: number): number {
  const parent = processes().find((one) => one.pid === pid)?.parent
  if (parent === undefined) throw new Error(`There is no process ${pid}`)
  return parent
}

function childrenOf(pid: number): readonly number[] {
  return processes()
    .filter(({ parent }) => parent === pid)
    .map((one) => one.pid)
}

function processes(): readonly { readonly pid: number; readonly parent: number }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => {
    const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number)
    return { pid, parent }
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
