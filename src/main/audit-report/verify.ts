/** Gathers the evidence, has it verified, and words the verdict. The verifier is access/verify-audit.ts. Floor 6. */
import { readFileSync } from 'node:fs'
import { type AuditVerdict, verifyAudit } from '../../access/verify-audit.ts'
import { type AuditFinding, type CheckpointReport, verifyCheckpoints } from '../../access/verify-checkpoints.ts'
import { type AuditPublicKey, readAuditPublicKeys } from '../../token/checkpoint-jws.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { paint, plain, type Terminal } from '../command-line/terminal.ts'
import type { AuditSource } from './audit-source.ts'

export interface Verification {
  readonly verdict: AuditVerdict
  readonly checkpoints: CheckpointReport
  readonly findings: readonly AuditFinding[]
  readonly signatures: 'checked' | 'not checked'
}

/** @param evidence.sinceKept of chains only what came after the youngest checkpoint that was kept. @throws CommandError when there is none that is good */
export async function verifySource(
  source: AuditSource,
  evidence: {
    readonly kept: readonly string[]
    readonly keys: readonly AuditPublicKey[] | undefined
    readonly sinceKept: boolean
    readonly upgradedThrough: number | undefined
  },
  seen: (records: number) => void,
): Promise<Verification> {
  const heads = await source.heads()
  const checkpoints = await verifyCheckpoints({ stored: await source.checkpoints(), kept: evidence.kept, keys: evidence.keys })
  const since = evidence.sinceKept ? checkpoints.lastKept?.heads : undefined
  if (evidence.sinceKept && since === undefined)
    throw new CommandError(EXIT.fault, '--since-checkpoint: no good checkpoint is among those that were kept.')
  const verdict = await verifyAudit(
    {
      ...{ heads, claims: checkpoints.claims, finalHeads: () => source.finalHeads(), records: source.records(since) },
      unchained: checkpoints.unchained,
      ...(since === undefined ? {} : { since }),
      ...(evidence.upgradedThrough === undefined ? {} : { upgradedThrough: evidence.upgradedThrough }),
    },
    seen,
  )
  const signatures = evidence.keys === undefined ? 'not checked' : 'checked'
  return { verdict, checkpoints, findings: [...checkpoints.findings, ...verdict.findings], signatures }
}

/** @throws CommandError (usage) naming the file */
export async function readKeyFiles(files: readonly string[]): Promise<readonly AuditPublicKey[]> {
  const keys = await Promise.all(
    files.map(async (file) => {
      try {
        return await readAuditPublicKeys(readFileSync(file, 'utf8'))
      } catch (fault) {
        const why = fault instanceof Error && 'code' in fault && fault.code === 'audit_key_invalid' ? fault.message : 'cannot be read'
        throw new CommandError(EXIT.usage, `--key: ${plain(file)}: ${why}.`)
      }
    }),
  )
  return keys.flat()
}

export function verificationJson({ verdict, checkpoints, findings, signatures }: Verification): object {
  return {
    holds: findings.length === 0,
    records: { chained: verdict.chained, unproven: verdict.unproven, unprovenSince: verdict.unprovenSince, broken: verdict.broken },
    checkpoints: { stored: checkpoints.stored, kept: checkpoints.kept, signatures },
    findings,
  }
}

export function prettyVerification(terminal: Terminal, { verdict, checkpoints, findings, signatures }: Verification): string {
  const lines = findings.map((finding) => `${paint(terminal, 'red', finding.kind)}  ${placeInWords(finding)}: ${plain(finding.text)}`)
  const proof = verdict.unprovenSince === undefined ? 'which nothing proves' : `as checkpoint ${verdict.unprovenSince} found them`
  const unproven = verdict.unproven === 0 ? '' : `, ${verdict.unproven} from before chaining began, ${proof}`
  lines.push(`records: ${verdict.chained} in chains${unproven}`)
  lines.push(`checkpoints: ${checkpoints.stored} stored, ${checkpoints.kept} kept; signatures ${signatures}`)
  if (checkpoints.kept === 0)
    lines.push('none that was kept elsewhere (--checkpoints): whoever could write to the database could have rewritten all of this')
  else if (signatures === 'not checked') lines.push('without --key a checkpoint proves only that it was not changed since it was kept')
  lines.push(findings.length === 0 ? paint(terminal, 'green', 'holds') : paint(terminal, 'red', `broken: ${findings.length} findings`))
  return `${lines.join('\n')}\n`
}

function placeInWords({ chain, sequence, id, checkpoint }: AuditFinding): string {
  const words = [
    chain === undefined ? '' : `chain ${chain}`,
    sequence === undefined ? '' : `record ${sequence}`,
    id === undefined ? '' : `id ${id}`,
    chain !== undefined || checkpoint === undefined ? '' : `checkpoint ${checkpoint}`,
  ]
  return words.filter((word) => word !== '').join(', ') || 'checkpoints'
}
