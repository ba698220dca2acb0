/** How long `castellan dev` takes from its start until it is ready, the first time in an empty folder and again on what is there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { castellanEntry, cleanEnvironment } from '../../test/support/castellan-process.ts'
import { OFFICE } from '../facts.ts'
import { median } from '../measure.ts'
import { freePort } from '../servers/server-process.ts'
import type { Study, StudyResult } from '../study.ts'

/** Of each; a start takes seconds, and more rounds say little more. */
const STARTS = 3
const LOOK_MS = 5
const READY_MS_MAX = 120_000

export const start: Study = {
  name: 'start',
  title: 'castellan dev, from its start until it is ready',
  async run({ say, signal }): Promise<StudyResult> {
    const [first, second]: [number[], number[]] = [[], []]
    for (let round = 1; round <= STARTS; round += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'castellan-bench-'))
      try {
        say(`start ${round} of ${STARTS}, then again`)
        first.push(await startMs(folder, signal))
        second.push(await startMs(folder, signal))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
    const [firstMs, secondMs] = [median(first), median(second)]
    const row = (name: string, all: readonly number[]) => [
      name,
      ...[median(all), Math.min(...all), Math.max(...all)].map((ms) => ms.toFixed(0)),
    ]
    return {
      facts: `with the packaged office; the median of ${STARTS}, on all cores`,
      columns: ['', 'ms', 'least', 'most'],
      rows: [row('first start, in an empty folder', first), row('second start', second)],
      figures: { first_ms: firstMs, second_ms: secondMs },
      notes: [],
    }
  },
}

/** Until it says of itself that it is ready, to whoever asks every few milliseconds. */
async function startMs(folder: string, signal: AbortSignal): Promise<number> {
  const probes = await freePort()
  const environment = cleanEnvironment({
    CASTELLAN_DATA_DIR: join(folder, 'data'),
    CASTELLAN_POLICIES: OFFICE,
    CASTELLAN_METRICS_PORT: String(probes),
  })
  const startedAtMs = performance.now()
  const child = spawn(process.execPath, [castellanEntry, 'dev'], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
    signal,
  })
  const ended = once(child, 'close').catch(() => undefined)
  try {
    while (!(await isReady(probes))) {
      if (child.exitCode !== null || performance.now() - startedAtMs > READY_MS_MAX) throw new Error('castellan dev did not become ready')
      await sleep(LOOK_MS, undefined, { signal })
    }
    return performance.now() - startedAtMs
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

async function isReady(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
}
