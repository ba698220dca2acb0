/** Audit records, heads and checkpoints as the wire and exports write them → the model. What is read may come from anybody. Floor 6. */
import type { AuditCheckpoint, AuditHead, AuditLink, ChainedRecord } from '../../model/audit-trail.ts'
import { AUDIT_CHAIN_NUMBER_MAX } from '../../model/observation-limits.ts'
import type { AuditRecord } from '../../model/records.ts'
import { isSound } from '../../store/audit-chain.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import type { Json } from '../command-line/service-client.ts'

/** @param where for the person, such as `line 7` @throws CommandError for anything else */
export function chainedOf(value: unknown, where: string): ChainedRecord {
  const { entry, link, impossible } = objectOf(value, where)
  const fields = objectOf(entry, where)
  const record: AuditRecord = {
    id: numberOf(fields, 'id', where),
    atMs: instantOf(textOf(fields, 'at', where)),
    // What is no action of ours was hashed by nobody of ours, and is found by that.
    action: textOf(fields, 'action', where) as AuditRecord['action'],
    result: textOf(fields, 'result', where) as AuditRecord['result'],
    actor: textOf(fields, 'actor', where),
    actorName: textOf(fields, 'actorName', where),
    tenant: textOrNull(fields, 'tenant', where),
    user: textOrNull(fields, 'user', where),
    target: textOrNull(fields, 'target', where),
    reason: textOrNull(fields, 'reason', where),
    before: isSound(fields['before']) ? (fields['before'] ?? null) : null,
    after: isSound(fields['after']) ? (fields['after'] ?? null) : null,
    position: fields['position'] === undefined ? null : numberOf(fields, 'position', where),
    requestId: textOrNull(fields, 'requestId', where),
  }
  const unsound = ['before', 'after'].filter((name) => !isSound(fields[name]))
  const faults = [...(typeof impossible === 'string' && impossible !== '' ? [impossible] : []), ...unsound].join(', ')
  const chained = { record, link: link === undefined ? undefined : linkOf(objectOf(link, where), where) }
  return faults === '' ? chained : { ...chained, impossible: faults }
}

/** No instant, or one that is written otherwise than ours are, makes a hash that fits nothing. */
function instantOf(text: string): number {
  const ms = Date.parse(text)
  return Number.isNaN(ms) || new Date(ms).toISOString() !== text ? Number.NaN : ms
}

/** Only such as can be asked for: rows of others have no place. @throws CommandError */
export function chainsOf(value: unknown, where: string): readonly number[] {
  if (!Array.isArray(value) || !value.every((chain) => Number.isSafeInteger(chain))) throw unreadable(where, 'chains')
  return (value as readonly number[]).filter((chain) => chain >= 0 && chain <= AUDIT_CHAIN_NUMBER_MAX)
}

/** @throws CommandError */
export function headsOf(value: unknown, where: string): readonly AuditHead[] {
  if (!Array.isArray(value)) throw unreadable(where, 'heads')
  return value.map((head) => {
    const fields = objectOf(head, where)
    return { chain: chainNumber(fields, where), sequence: numberOf(fields, 'sequence', where), hash: textOf(fields, 'hash', where) }
  })
}

/** @throws CommandError */
export function checkpointOf(value: unknown, where: string): AuditCheckpoint {
  const fields = objectOf(value, where)
  return {
    number: numberOf(fields, 'number', where),
    atMs: Date.parse(textOf(fields, 'at', where)),
    keyId: textOf(fields, 'keyId', where),
    jws: textOf(fields, 'jws', where),
  }
}

function linkOf(fields: Json, where: string): AuditLink {
  return {
    chain: chainNumber(fields, where),
    sequence: numberOf(fields, 'sequence', where),
    previousHash: textOf(fields, 'previousHash', where),
    hash: textOf(fields, 'hash', where),
  }
}

function chainNumber(fields: Json, where: string): number {
  const chain = numberOf(fields, 'chain', where)
  if (chain < 0 || chain > AUDIT_CHAIN_NUMBER_MAX) throw unreadable(where, 'chain')
  return chain
}

function objectOf(value: unknown, where: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(where, 'an object')
  return value as Json
}

function numberOf(fields: Json, name: string, where: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw unreadable(where, name)
  return value
}

function textOf(fields: Json, name: string, where: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw unreadable(where, name)
  return value
}

function textOrNull(fields: Json, name: string, where: string): string | null {
  return fields[name] === undefined || fields[name] === null ? null : textOf(fields, name, where)
}

function unreadable(where: string, what: string): CommandError {
  return new CommandError(EXIT.fault, `${where}: is no audit record, head or checkpoint: ${what} is missing or of another form.`)
}
