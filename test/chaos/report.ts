/** A run's outcome as text for people. Counts nothing itself. */
import type { FaultSummary, Latency, Summary } from './summary.ts'

export function report(summary: Summary): string {
  const { readFrom, outdated, checksByWire, violations } = summary
  const read = readFrom.memory + readFrom.redis + readFrom.store
  const lines = [
    '',
    `checks      ${count(summary.checks)} (grpc ${count(checksByWire.grpc)}, stream ${count(checksByWire.stream)}, http ${count(checksByWire.http)}), decided ${count(summary.answers)}`,
    `            not decided: ${counted(summary.failures)}`,
    `by token    ${count(summary.tokens.checks)}: allowed ${count(summary.tokens.allowed)}, revoked ${count(summary.tokens.revoked)}, invalid ${count(summary.tokens.invalid)}`,
    `local       ${count(summary.local.checks)} by ${summary.local.clients} clients, of which they decided ${count(summary.local.decided)} themselves`,
    `read from   memory ${percent(readFrom.memory, read)}, redis ${percent(readFrom.redis, read)}, store ${percent(readFrom.store, read)}`,
    `            kept but outdated: memory ${count(outdated.memory)}, redis ${count(outdated.redis)}; refused as not fresh: ${count(summary.staleRefusals)}`,
    `changes     ${counted(summary.changes)}; policy revisions ${summary.policyRevisions}; answers lost on the way: ${count(summary.changesUnknown)}`,
    `in force    in calm ${latency(summary.calm)}`,
    `starts      of a replica that failed and were tried again: ${counted(summary.failedStarts)}`,
    `clock       of the database, known to ${summary.clockUncertaintyMs.toFixed(2)} ms`,
    '',
    ...summary.faults.flatMap(faultLines),
    '',
    `violations  ${Object.entries(violations)
      .map(([promise, found]) => `${promise} ${count(found)}`)
      .join(', ')}; of access tokens ${count(summary.violationsOfTokens)}`,
    ...summary.examples.map((text) => `  ${text}`),
    ...summary.complaints.map((text) => `  not passed: ${text}`),
    '',
    verdict(summary),
  ]
  return lines.join('\n')
}

function verdict({ passed, validity, heartbeats, local, violationsTotal, seed }: Summary): string {
  if (validity === 'on' && heartbeats === 'off')
    return passed
      ? `As it has to be: without heartbeats ${count(local.violations)} violations of local clients were found.`
      : 'FAILED: without heartbeats no violation of a local client was found, so this run would notice nothing.'
  if (validity === 'off')
    return passed
      ? `As it has to be: without the validity rule ${count(violationsTotal)} violations were found.`
      : 'FAILED: without the validity rule no violation was found, so this run would notice nothing.'
  return passed ? '0 violations.' : `FAILED: ${count(violationsTotal)} violations. Choices again: --seed ${seed}`
}

function faultLines({ kind, injected, hit, seen, shares, acknowledged }: FaultSummary): readonly string[] {
  const asked =
    shares === undefined
      ? ''
      : `; decided ${percent(shares.decided, 1)}, refused ${percent(shares.refused, 1)}, unreachable ${percent(shares.unreachable, 1)}`
  const last = seen.at(-1)
  return [
    `${kind.padEnd(20)} ${injected} injected, ${hit} hit${asked}; in force ${latency(acknowledged)}`,
    ...(last === undefined ? [] : [`${''.padEnd(20)} ${last}`]),
  ]
}

function latency(value: Latency | undefined): string {
  return value === undefined ? 'after nobody knows' : `after ${value.p50Ms} ms (p50), ${value.p99Ms} ms (p99 of ${count(value.count)})`
}

export function count(value: number): string {
  return value.toLocaleString('en')
}

function counted(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, value]) => `${name} ${count(value)}`)
  return parts.length === 0 ? 'none' : parts.join(', ')
}

function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1)} %`
}
