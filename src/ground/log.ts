/** Structured logs on standard error or output, one JSON object a line. Knows what must never be printed. Floor 0. */
import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/**
 * @param destination where lines go; absent: standard output
 * @param named fields of every line, which say whose it is
 */
export function openLog(level: LogLevel, destination?: DestinationStream, named: Readonly<Record<string, string>> = {}): Log {
  const options = {
    level,
    base: { service: 'castellan', ...named },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: ['authorization', '*.authorization', 'key', '*.key', 'password', '*.password'], censor: '[secret]' },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
