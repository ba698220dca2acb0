/** Probes and metrics on a port of their own, away from callers. Plain node:http: nothing here is worth a framework. Floor 4. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from '../ground/metrics.ts'
import { HEADER_ARRIVAL_TIMEOUT_MS, HEADER_BYTES_MAX } from '../model/limits.ts'
import { type Readiness, sharedReadiness } from './readiness.ts'

export interface ProbeServer {
  readonly port: number
  close(): Promise<void>
}

interface Page {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const TEXT = 'text/plain; charset=utf-8'

export async function openProbeServer(needs: {
  readonly host: string
  readonly port: number
  readonly metrics: Pick<Metrics, 'text'>
  readonly readiness: Readiness
}): Promise<ProbeServer> {
  const readiness = sharedReadiness(needs.readiness)
  async function page(path: string, accept: string | undefined): Promise<Page> {
    if (path === '/livez') return { status: 200, contentType: TEXT, body: 'alive\n' }
    if (path === '/readyz') {
      const report = await readiness()
      return { status: report.ready ? 200 : 503, contentType: 'application/json', body: JSON.stringify(report) }
    }
    if (path === '/metrics') return { status: 200, ...(await needs.metrics.text(accept)) }
    return { status: 404, contentType: TEXT, body: 'not found: try /livez, /readyz, /metrics\n' }
  }
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADER_ARRIVAL_TIMEOUT_MS, requestTimeout: HEADER_ARRIVAL_TIMEOUT_MS },
    (request, response) => {
      const readable = request.method === 'GET' || request.method === 'HEAD'
      const answer = readable
        ? page((request.url ?? '').split('?', 1)[0] ?? '', request.headers.accept)
        : Promise.resolve({ status: 405, contentType: TEXT, body: 'GET or HEAD\n' })
      answer
        .catch((): Page => ({ status: 500, contentType: TEXT, body: 'failed\n' }))
        .then(({ status, contentType, body }) => {
          response.writeHead(status, {
            'content-type': contentType,
            'cache-control': 'no-store',
            ...(readable ? {} : { allow: 'GET, HEAD' }),
          })
          response.end(body)
        })
    },
  )
  await listen(server, needs.host, needs.port)
  return { port: portOf(server), close: () => closeServer(server) }
}

export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** At once: connections that are left are cut. Safe to call twice. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
