#!/usr/bin/env node
/** The command `castellan`: gives the command line its process. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { runCommandLine } from './command-line/run.ts'

/** For what was written last, milliseconds: a reader takes it at once, or does not read. */
const LAST_WORDS_MS = 1_000

// A closed pipe (`castellan … | head`) is the reader's decision, not a fault.
const leave = (fault: NodeJS.ErrnoException) => process.exit(fault.code === 'EPIPE' ? 0 : 1)
process.stdout.on('error', leave)
let serves = false

process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  colours: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
  progress: process.stderr.isTTY === true,
  drained: () =>
    process.stdout.writableNeedDrain ? new Promise((resolve) => process.stdout.once('drain', () => resolve())) : Promise.resolve(),
  interrupted: (run) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, run)
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, run)
    }
  },
  serves: () => {
    serves = true
    process.stdout.off('error', leave)
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  },
  nowMs: () => Date.now(),
})

if (serves) {
  // What nobody reads would hold the process for ever.
  const taken = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)))
  await Promise.race([Promise.all(taken), delay(LAST_WORDS_MS)])
  process.exit()
}
