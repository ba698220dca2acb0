/** What a run of chaos is told on the command line, and its help. Reads nothing else. */
import { parseArgs } from 'node:util'

export const FAULT_KINDS = [
  'redis-kill',
  'redis-flush',
  'redis-freeze',
  'redis-old-copy',
  'replica-freeze',
  'replica-kill',
  'postgres-restart',
  'postgres-freeze',
  'backends-terminated',
  'both-away',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Options {
  readonly seconds: number
  readonly replicas: number
  readonly seed: number
  /** Off: replicas use what they keep without asking whether it still holds. */
  readonly validity: boolean
  /** Clients with local checks. */
  readonly locals: number
  /** Off: these take what they were told of to be all there is. */
  readonly heartbeats: boolean
  readonly faults: readonly FaultKind[]
  readonly json: string | undefined
}

export const HELP = `npm run chaos -- [options]

Runs replicas of \`castellan serve\` on a real PostgreSQL and a real Redis of its own, changes who may do what all the time, asks all
replicas all the time over gRPC, streams and HTTP, by names and by access tokens of people who log in and whose sessions, accounts and
signing keys end, and meanwhile breaks things. Then it compares every answer with the order of changes in
the audit and counts where the promises of freshness were broken:

  F1      an answer was older than a change that was acknowledged as effective before the question was sent
  F2      an answer was older than a change that was committed more than a second before the question was sent
  F3      an answer was older than the position asked for, or otherwise than true at the position that it names
  window  a grant was in force after its end or before its beginning, by the database's clock
  outage  something was decided while Redis and PostgreSQL had been away for longer than a second
  truth   an answer was true at no time
  lost    an acknowledged change is not in the audit at its position

Options
  --seconds N       how long to ask and change (default 300); start and end come on top
  --replicas N      replicas, at least 2 (default 3)
  --seed N          of the choices of faults, changes and questions (default: a random one, which is printed);
                    what meets what still depends on this machine
  --faults LIST     kinds of faults, with commas, or "none" (default: all)
                    ${FAULT_KINDS.slice(0, 5).join(', ')},
                    ${FAULT_KINDS.slice(5).join(', ')}
  --validity off    replicas that do not ask whether what they keep still holds: shows that this run would notice
  --locals N        clients with local checks as further askers, from 0 (default 2); their lines are frozen and cut all the time. What they
                    decide by themselves is held to F2 with their own second on top, and to no acknowledgement
  --heartbeats off  these clients do not ask whether what they were told is all there is: shows that this run would notice
  --json FILE       writes what is printed at the end as JSON
  --help            prints this

Exit code 0: no promise was broken, and every kind of fault was injected and seen to hit. With --validity off: promises were
broken; with --heartbeats off: by what clients decided themselves.
1: otherwise. 2: wrong usage.

It needs Linux or macOS, redis-server on the PATH, and dist/ (npm run chaos builds it). Each fault is followed by a calm.`

export class UsageError extends Error {}

/** @throws UsageError @returns `undefined` when help is asked for */
export function parseOptions(args: readonly string[], randomSeed: () => number): Options | undefined {
  const values = parsed(args)
  if (values.help === true) return undefined
  const validity = values.validity ?? 'on'
  if (validity !== 'on' && validity !== 'off') throw new UsageError(`--validity is on or off, not "${validity}"`)
  const heartbeats = values.heartbeats ?? 'on'
  if (heartbeats !== 'on' && heartbeats !== 'off') throw new UsageError(`--heartbeats is on or off, not "${heartbeats}"`)
  return {
    seconds: whole('seconds', values.seconds ?? '300', 1, 86_400),
    replicas: whole('replicas', values.replicas ?? '3', 2, 20),
    seed: values.seed === undefined ? randomSeed() : whole('seed', values.seed, 0, 0xffff_ffff),
    validity: validity === 'on',
    locals: whole('locals', values.locals ?? '2', 0, 20),
    heartbeats: heartbeats === 'on',
    faults: faultsOf(values.faults ?? FAULT_KINDS.join(',')),
    json: values.json,
  }
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: text,
        replicas: text,
        seed: text,
        validity: text,
        locals: text,
        heartbeats: text,
        faults: text,
        json: text,
        help: { type: 'boolean' },
      },
    }).values
  } catch (fault) {
    throw new UsageError(fault instanceof Error ? fault.message : String(fault))
  }
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`--${name} is a whole number from ${least} to ${most}, not "${text}"`)
  return value
}

function faultsOf(text: string): readonly FaultKind[] {
  const names = text === 'none' ? [] : text.split(',')
  return names.map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name)
    if (kind === undefined) throw new UsageError(`--faults: there is no "${name}"; there are ${FAULT_KINDS.join(', ')}`)
    return kind
  })
}
