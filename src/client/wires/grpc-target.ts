/** Where a gRPC channel leads, as grpc-js reads it. Connects to nothing. Floor 6. */
import { isLoopback } from './credentials.ts'

const LOCAL_SCHEME = /^unix(-abstract)?:/
const LIST_SCHEME = /^ipv[46]:/
const DNS_SCHEME = /^dns:(\/\/[^/]*\/)?/
const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]@?#]+):(\d{1,5})$/
const FORMS = 'dns:///host:port, host:port, ipv4:address:port,address:port, ipv6:[address]:port or unix:/path'

/** @returns whether all of it is on this machine. @throws TypeError for what is no target */
export function checkTarget(target: unknown): boolean {
  if (typeof target !== 'string' || target === '') throw new TypeError(`target is required: ${FORMS}`)
  if (/^https?:/i.test(target))
    throw new TypeError(`target must be ${FORMS}; for an address with http use createHttpClient of castellan/client/http`)
  if (LOCAL_SCHEME.test(target)) return true
  const addresses = LIST_SCHEME.test(target) ? target.replace(LIST_SCHEME, '').split(',') : [target.replace(DNS_SCHEME, '')]
  return addresses
    .map((address) => {
      const [, host, port] = HOST_AND_PORT.exec(address) ?? []
      if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
        throw new TypeError(`target must be ${FORMS}, each with its port`)
      return isLoopback(host)
    })
    .every((local) => local)
}
