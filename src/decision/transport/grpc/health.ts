/** grpc.health.v1 for anybody, within bounds: watching needs no key, so it must have an end. Floor 5. */
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HEALTH_WATCHES_MAX } from '../../../model/limits.ts'
import type { Decoded } from './definitions.ts'

type Watch = ServerWritableStream<Decoded, object>

export interface Health {
  readonly handlers: UntypedServiceImplementation
  set(serving: boolean): void
  /** Ends all watches. */
  close(): void
}

const NAMES: readonly string[] = ['', 'castellan.v1.DecisionService', 'castellan.v1.AdministrationService']

/** Not serving until told otherwise. */
export function openHealth(): Health {
  let serving = false
  const watches = new Map<Watch, string>()
  const statusOf = (name: string) => (NAMES.includes(name) ? (serving ? 'SERVING' : 'NOT_SERVING') : 'SERVICE_UNKNOWN')
  const handlers = {
    check(call: ServerUnaryCall<Decoded, object>, callback: sendUnaryData<object>) {
      const name = nameOf(call.request)
      if (name === undefined) callback(BAD_REQUEST)
      else if (!NAMES.includes(name)) callback({ code: status.NOT_FOUND, details: 'No such service.' })
      else callback(null, { status: statusOf(name) })
    },
    watch(call: Watch) {
      const name = nameOf(call.request)
      if (name === undefined || watches.size >= HEALTH_WATCHES_MAX) {
        const fault = name === undefined ? BAD_REQUEST : { code: status.RESOURCE_EXHAUSTED, details: 'Too many watches.' }
        call.emit('error', Object.assign(new Error(fault.details), fault))
        return
      }
      watches.set(call, name)
      const forget = () => watches.delete(call)
      call.on('cancelled', forget).on('close', forget).on('error', forget)
      call.write({ status: statusOf(name) })
    },
    list(_call: unknown, callback: sendUnaryData<object>) {
      callback(null, { statuses: Object.fromEntries(NAMES.map((name) => [name, { status: statusOf(name) }])) })
    },
  }
  return {
    handlers: handlers as unknown as UntypedServiceImplementation,
    set(next) {
      if (next === serving) return
      serving = next
      for (const [watch, name] of watches) watch.write({ status: statusOf(name) })
    },
    close() {
      for (const watch of watches.keys()) watch.end()
      watches.clear()
    },
  }
}

const BAD_REQUEST = { code: status.INVALID_ARGUMENT, details: 'Not a message of this method.' }

function nameOf(request: Decoded): string | undefined {
  if (request.message === undefined) return undefined
  const name = request.message['service']
  return typeof name === 'string' ? name : ''
}
