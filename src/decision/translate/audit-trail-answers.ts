/** The audit trail as a proof → messages of either wire. Floor 5. */
import type { AuditCheckpoint, AuditHead, ChainedRecord } from '../../model/audit-trail.ts'
import type { Message } from '../../wire/error-message.ts'
import { auditMessage, present } from './administration-answers.ts'
import type { WireForm } from './wire-form.ts'

export function chainedMessage({ record, link, impossible }: ChainedRecord, form: WireForm): Message {
  return present({ entry: auditMessage(record, form), link: link && { ...link }, impossible })
}

export function headMessage({ chain, sequence, hash }: AuditHead): Message {
  return { chain, sequence, hash }
}

export function checkpointMessage({ number, atMs, keyId, jws }: AuditCheckpoint, form: WireForm): Message {
  return { number, at: form.instant(atMs), keyId, jws }
}
