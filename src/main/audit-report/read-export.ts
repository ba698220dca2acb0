/** An export in JSON as a source for the verifier, and checkpoints that were kept in files or logs. Judges nothing. Floor 6. */

import { CHECKPOINT_MESSAGE } from '../../access/audit-checkpoints.ts'
import type { AuditCheckpoint, AuditHead } from '../../model/audit-trail.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import type { Json } from '../command-line/service-client.ts'
import { plain } from '../command-line/terminal.ts'
import { type AuditSource, requireBounded } from './audit-source.ts'
import { chainedOf, checkpointOf, headsOf } from './chained-json.ts'
import { EXPORT_KIND } from './export-audit.ts'
import { linesOfFile } from './lines.ts'

/** Reads the file twice: what stands before the records, then these. @throws CommandError when it is no export, or not a whole one */
export function exportedAuditSource(file: string): AuditSource {
  let final: readonly AuditHead[] | undefined
  return {
    async heads() {
      for await (const { value, where } of valuesOf(file)) {
        if (value['export'] !== EXPORT_KIND || value['version'] !== 1)
          throw new CommandError(EXIT.fault, `${where}: is no export of an audit: castellan audit export --format json makes them.`)
        return headsOf(value['heads'], where)
      }
      throw new CommandError(EXIT.fault, `${plain(file)}: is empty.`)
    },
    async checkpoints() {
      const found: AuditCheckpoint[] = []
      for await (const { value, where } of valuesOf(file)) {
        if (value['entry'] !== undefined) break
        if (value['checkpoint'] === undefined) continue
        found.push(checkpointOf(value['checkpoint'], where))
        requireBounded(found.length)
      }
      return found
    },
    async *records(since) {
      const begins = new Map((since ?? []).map(({ chain, sequence }) => [chain, sequence]))
      let records = 0
      for await (const { value, where } of valuesOf(file)) {
        // Lines behind the end were put there by somebody.
        if (final !== undefined) throw new CommandError(EXIT.fault, `${where}: stands behind the end of the export.`)
        if (value['end'] !== undefined) {
          const end = value['end'] as Json
          if (end['records'] !== records)
            throw new CommandError(EXIT.fault, `${where}: ${records} records are here, and ${String(end['records'])} were written.`)
          final = headsOf(end['heads'], where)
        } else if (value['entry'] !== undefined) {
          records++
          const chained = chainedOf(value, where)
          const { link } = chained
          if (link === undefined || link.sequence > (begins.get(link.chain) ?? 0)) yield chained
        }
      }
    },
    async finalHeads() {
      if (final === undefined) throw new CommandError(EXIT.fault, `${plain(file)}: has no end: the export was not finished, or was cut.`)
      return final
    },
  }
}

async function* valuesOf(file: string): AsyncGenerator<{ readonly value: Json; readonly where: string }> {
  let number = 0
  for await (const line of linesOfFile(file)) {
    number++
    const where = `${plain(file)}:${number}`
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new CommandError(EXIT.fault, `${where}: is not JSON.`)
    }
    if (typeof value !== 'object' || value === null) throw new CommandError(EXIT.fault, `${where}: is no line of an export.`)
    yield { value: value as Json, where }
  }
}

const JWS = /^[\w-]{10,}\.[\w-]{10,}\.[\w-]*$/

/**
 * Checkpoints of lines that the service wrote as such, or that are nothing but one. Other lines of a log hold what callers sent, such as ids of their
 * users in a decision log: nothing is looked for in them. @throws CommandError when there is none
 */
export async function readKeptCheckpoints(files: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const file of files) {
    let ofFile = 0
    for await (const line of linesOfFile(file)) {
      const jws = JWS.test(line.trim()) ? line.trim() : jwsOfLogLine(line)
      if (jws === undefined) continue
      found.add(jws)
      requireBounded(found.size)
      ofFile++
    }
    if (ofFile === 0)
      throw new CommandError(
        EXIT.usage,
        `--checkpoints: no checkpoint is in ${plain(file)}.`,
        'Give lines of the log of a service (`audit checkpoint`), or one JWS a line.',
      )
  }
  return [...found]
}

/** What collects logs may have put something before the line. */
function jwsOfLogLine(line: string): string | undefined {
  const begin = line.indexOf('{')
  // Most lines are others, and reading each would take as long as verifying.
  if (begin < 0 || !line.includes(CHECKPOINT_MESSAGE)) return undefined
  try {
    const { msg, jws } = JSON.parse(line.slice(begin)) as Json
    return msg === CHECKPOINT_MESSAGE && typeof jws === 'string' ? jws : undefined
  } catch {
    return undefined
  }
}
