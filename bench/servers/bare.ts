/** The floors: servers that decide nothing, in a process of their own. Nothing that is built on the same libraries can be quicker. */
import { fileURLToPath } from 'node:url'
import { cleanEnvironment } from '../../test/support/castellan-process.ts'
import { callHttp, requestText } from '../load/http-request.ts'
import type { Place } from './place.ts'
import { freePort, openFolder, type ServerProcess, startServer } from './server-process.ts'

export interface BareServers extends ServerProcess {
  readonly grpcPort: number
  readonly httpPort: number
  readonly http2Port: number
}

const LOADER = new URL('../../test/chaos/typescript.mjs', import.meta.url).href
const PROCESS = fileURLToPath(new URL('./bare-process.ts', import.meta.url))

export async function openBare(place: Place): Promise<BareServers> {
  const [grpcPort, httpPort, http2Port] = [await freePort(), await freePort(), await freePort()]
  const server = startServer({
    name: 'the bare servers',
    command: process.execPath,
    args: ['--no-warnings', '--import', LOADER, PROCESS, ...[grpcPort, httpPort, http2Port].map(String)],
    environment: { ...cleanEnvironment(), NODE_ENV: 'production' },
    core: place.server,
    readerCore: place.load,
    folder: openFolder(),
  })
  try {
    await server.ready(async () => (await callHttp(httpPort, requestText(httpPort, '/', {}, '{}'))).status === 200)
  } catch (fault) {
    await server.close()
    throw fault
  }
  return { ...server, grpcPort, httpPort, http2Port }
}
