#!/usr/bin/env node
/** The command `castellan`: gives the command line its process. Floor 6. */
import { runCommandLine } from './command-line/run.ts'

// A closed pipe (`castellan … | head`) is the reader's decision, not a fault.
process.stdout.on('error', (fault: NodeJS.ErrnoException) => process.exit(fault.code === 'EPIPE' ? 0 : 1))

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
  nowMs: () => Date.now(),
})
