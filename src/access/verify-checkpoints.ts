/** Are checkpoints what the service signed, and all there? Gathers what they claim of the chains. Looks at no record (verify-audit.ts does). Floor 3. */
import { createHash } from 'node:crypto'
import type { AuditCheckpoint, CheckpointContent, UnchainedRecords } from '../model/audit-trail.ts'
import { type AuditPublicKey, readCheckpoint, verifyCheckpoint } from '../token/checkpoint-jws.ts'

export type AuditFindingKind =
  | 'changed'
  | 'deleted'
  | 'inserted'
  | 'reordered'
  | 'cut'
  | 'rewritten'
  | 'unchained'
  | 'head-missing'
  | 'checkpoint-forged'
  | 'checkpoint-missing'

/** One fault, with the first row of its chain where it shows. */
export interface AuditFinding {
  readonly kind: AuditFindingKind
  readonly chain?: number
  readonly sequence?: number
  /** Of the row; absent when it is gone. */
  readonly id?: number
  /** Number of the checkpoint. */
  readonly checkpoint?: number
  readonly text: string
}

/** A signed statement: at this place of the chain stands this hash. */
export interface AuditClaim {
  readonly sequence: number
  readonly hash: string
  readonly checkpoint: number
}

/** A signed statement: these, and no others, stood in no chain. */
export interface UnchainedClaim extends UnchainedRecords {
  readonly checkpoint: number
}

export interface CheckpointReport {
  readonly findings: readonly AuditFinding[]
  /** By chain, in order of the sequence. */
  readonly claims: ReadonlyMap<number, readonly AuditClaim[]>
  /** Of the records that stand in no chain; those that were kept first, each by number. */
  readonly unchained: readonly UnchainedClaim[]
  readonly stored: number
  readonly kept: number
  /** The youngest of those that were kept and are good. */
  readonly lastKept: CheckpointContent | undefined
}

export interface CheckpointEvidence {
  /** As the service has them, oldest first. */
  readonly stored: readonly AuditCheckpoint[]
  /** JWS that somebody put away elsewhere, in any order. */
  readonly kept: readonly string[]
  /** Absent: signatures are not looked at. */
  readonly keys: readonly AuditPublicKey[] | undefined
}

export function hashOfCheckpoint(jws: string): string {
  return createHash('sha256').update(jws, 'utf8').digest('hex')
}

export async function verifyCheckpoints(evidence: CheckpointEvidence): Promise<CheckpointReport> {
  const findings: AuditFinding[] = []
  const claims = new Claims()
  const kept = await readKept(evidence, findings)
  const keptContents = [...kept.values()].map(({ content }) => content).sort((a, b) => a.number - b.number)
  const unchained = keptContents.map(unchainedClaim)
  for (const content of keptContents) claims.add(content)
  let before: AuditCheckpoint | undefined
  for (const checkpoint of evidence.stored) {
    const { number } = checkpoint
    const expected = (before?.number ?? 0) + 1
    if (number !== expected)
      findings.push({ kind: 'checkpoint-missing', checkpoint: expected, text: `the service has no checkpoint ${expected}, but ${number}` })
    const fault = await faultOfStored(checkpoint, number === expected ? before : undefined, evidence.keys)
    const other = kept.get(number)
    if (fault !== undefined) findings.push({ kind: 'checkpoint-forged', checkpoint: number, text: fault })
    else if (other !== undefined && other.jws !== checkpoint.jws)
      findings.push({ kind: 'checkpoint-forged', checkpoint: number, text: 'the service has another one than the one that was kept' })
    else {
      const read = readCheckpoint(checkpoint.jws)
      if (read !== undefined && other === undefined) {
        claims.add(read.content)
        unchained.push(unchainedClaim(read.content))
      }
    }
    before = checkpoint
  }
  const numbers = new Set(evidence.stored.map(({ number }) => number))
  for (const number of [...kept.keys()].sort((a, b) => a - b))
    if (!numbers.has(number))
      findings.push({ kind: 'checkpoint-missing', checkpoint: number, text: 'it was kept, and the service has it no more' })
  const lastKept = keptContents.at(-1)
  return { findings, claims: claims.inOrder(), unchained, stored: evidence.stored.length, kept: kept.size, lastKept }
}

function unchainedClaim({ number, unchained }: CheckpointContent): UnchainedClaim {
  return { checkpoint: number, ...unchained }
}

/** By number; only those that are good. */
async function readKept({ kept, keys }: CheckpointEvidence, findings: AuditFinding[]) {
  const good = new Map<number, { readonly jws: string; readonly content: CheckpointContent }>()
  for (const [index, jws] of kept.entries()) {
    const read = readCheckpoint(jws)
    if (read === undefined) {
      findings.push({ kind: 'checkpoint-forged', text: `number ${index + 1} of the kept ones is no checkpoint` })
      continue
    }
    const { number } = read.content
    const fault = await signatureFault(jws, keys)
    if (fault !== undefined) findings.push({ kind: 'checkpoint-forged', checkpoint: number, text: `the one that was kept: ${fault}` })
    else if ((good.get(number)?.jws ?? jws) !== jws)
      findings.push({ kind: 'checkpoint-forged', checkpoint: number, text: 'two different ones of this number were kept' })
    else good.set(number, { jws, content: read.content })
  }
  return good
}

/** @param before the one before it, when that is there */
async function faultOfStored(
  { number, atMs, keyId, jws }: AuditCheckpoint,
  before: AuditCheckpoint | undefined,
  keys: CheckpointEvidence['keys'],
): Promise<string | undefined> {
  const read = readCheckpoint(jws)
  if (read === undefined) return 'it is no checkpoint'
  if (read.content.number !== number || read.content.atMs !== atMs || read.keyId !== keyId)
    return 'its row says another number, time or key than what was signed'
  const previous = before && hashOfCheckpoint(before.jws)
  if ((number === 1 || previous !== undefined) && read.content.previous !== previous) return 'it does not follow the one before it'
  return await signatureFault(jws, keys)
}

async function signatureFault(jws: string, keys: CheckpointEvidence['keys']): Promise<string | undefined> {
  if (keys === undefined) return undefined
  const outcome = await verifyCheckpoint(jws, keys)
  if (outcome === 'unknown') return 'it is signed by none of the given keys'
  return outcome === 'bad' ? 'its signature is not good' : undefined
}

/** A chain that stood still is claimed once. */
class Claims {
  readonly #byChain = new Map<number, Map<string, AuditClaim>>()

  add({ number, heads }: CheckpointContent): void {
    for (const { chain, sequence, hash } of heads) {
      const ofChain = this.#byChain.get(chain) ?? new Map<string, AuditClaim>()
      this.#byChain.set(chain, ofChain)
      const key = `${sequence} ${hash}`
      if (sequence > 0 && !ofChain.has(key)) ofChain.set(key, { sequence, hash, checkpoint: number })
    }
  }

  inOrder(): ReadonlyMap<number, readonly AuditClaim[]> {
    const sorted = [...this.#byChain].map(
      ([chain, claims]) => [chain, [...claims.values()].sort((a, b) => a.sequence - b.sequence)] as const,
    )
    return new Map(sorted)
  }
}
