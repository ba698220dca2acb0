/** Asks the local service whether it is ready: what a container's health check runs. Floor 6. */
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain, type Terminal } from './command-line/terminal.ts'
import { readClientSettings } from './settings.ts'

/** A probe that takes longer is itself the answer. */
const PROBE_TIMEOUT_MS = 3_000

/** @throws CommandError when the service is not ready or does not answer */
export async function healthcheck(terminal: Terminal): Promise<void> {
  const { metricsHost, metricsPort } = readClientSettings(terminal.environment)
  if (metricsPort === 0) throw new CommandError(EXIT.usage, 'CASTELLAN_METRICS_PORT is 0: name the port that was taken.')
  const address = `http://${probeHost(metricsHost)}:${metricsPort}/readyz`
  const answer = await fetch(address, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), redirect: 'error' }).catch(() => undefined)
  if (answer === undefined) throw new CommandError(EXIT.fault, `No answer from ${address}`)
  const body = (await answer.text()).trim()
  if (!answer.ok) throw new CommandError(EXIT.fault, `Not ready (${answer.status}): ${plain(body)}`)
  terminal.out('ready\n')
}

/** An address that listens everywhere is asked on loopback. */
function probeHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
