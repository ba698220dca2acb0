/** The Cerbos server from its npm package, with the same policy in its words, without telemetry, its decision log on as ours is. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment } from '../../test/support/castellan-process.ts'
import type { Facts } from '../facts.ts'
import { MissingError } from '../workload.ts'
import { cerbosPolicies } from './cerbos-policies.ts'
import type { Place } from './place.ts'
import { freePort, openFolder, type ServerProcess, startServer } from './server-process.ts'

export interface CerbosServer extends ServerProcess {
  readonly grpcPort: number
  readonly httpPort: number
}

/** Platforms for which there is a package of this version. */
export const CERBOS_PACKAGE = '@cerbos/cerbos-linux-x64'
const BINARY = fileURLToPath(new URL(`../node_modules/${CERBOS_PACKAGE}/cerbos-linux-x64`, import.meta.url))
/** A batch of 1,000 is 100 resources with 10 actions; its own default is 50 of each. */
const RESOURCES_MAX = 100

/** @throws MissingError where there is no binary of it */
export async function openCerbos(facts: Facts, place: Place): Promise<CerbosServer> {
  if (!existsSync(BINARY))
    throw new MissingError(`Cerbos comes from npm as ${CERBOS_PACKAGE}, and not for ${process.platform} ${process.arch}.`)
  const [grpcPort, httpPort] = [await freePort(), await freePort()]
  const folder = openFolder()
  const policies = join(folder, 'policies')
  mkdirSync(policies)
  // JSON is YAML.
  for (const [name, policy] of Object.entries(cerbosPolicies(facts))) writeFileSync(join(policies, `${name}.yaml`), JSON.stringify(policy))
  const config = {
    server: {
      httpListenAddr: `127.0.0.1:${httpPort}`,
      grpcListenAddr: `127.0.0.1:${grpcPort}`,
      requestLimits: { maxActionsPerResource: 50, maxResourcesPerRequest: RESOURCES_MAX },
    },
    telemetry: { disabled: true },
    storage: { driver: 'disk', disk: { directory: policies, watchForChanges: false } },
    // A pipe that another process reads, as Castellan's.
    audit: { enabled: true, accessLogsEnabled: false, decisionLogsEnabled: true, backend: 'file', file: { path: 'stdout' } },
  }
  const file = join(folder, 'cerbos.yaml')
  writeFileSync(file, JSON.stringify(config))
  const server = startServer({
    ...{ name: 'cerbos', command: BINARY, args: ['server', '--config', file, '--log-level', 'WARN'], cwd: folder, folder },
    ...{ environment: cleanEnvironment(), core: place.server, readerCore: place.load },
  })
  try {
    await server.ready(async () => (await fetch(`http://127.0.0.1:${httpPort}/_cerbos/health`)).ok)
  } catch (fault) {
    await server.close()
    throw fault
  }
  return { ...server, grpcPort, httpPort }
}
