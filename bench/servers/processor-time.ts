/** How long a process, its threads and all its children were on a processor, as Linux counts it. Reads /proc only. */
import { readFileSync } from 'node:fs'

/** Linux tells ticks of a hundredth of a second to every program, whatever the kernel's own are. Microseconds. */
const TICK_MICROS = 10_000

/** Microseconds since it began; 0 for what is no more. With children that ended, once it has waited for them. */
export function processorMicros(pid: number): number {
  let ticks = 0
  for (const each of familyOf(pid)) {
    const fields = statFields(each)
    // utime and stime; of the one asked about also cutime and cstime.
    ticks += fields[11] ?? 0
    ticks += fields[12] ?? 0
    if (each === pid) ticks += (fields[13] ?? 0) + (fields[14] ?? 0)
  }
  return ticks * TICK_MICROS
}

function familyOf(pid: number): readonly number[] {
  const found = [pid]
  // Grows while it is walked: children of children come behind.
  for (const each of found) found.push(...childrenOf(each))
  return found
}

function childrenOf(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
}

/** After the name, which may hold blanks: state is 0. */
function statFields(pid: number): readonly number[] {
  const text = read(`/proc/${pid}/stat`)
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
