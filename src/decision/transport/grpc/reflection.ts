/** Server reflection from the descriptors that buf built: those of proto-loader lose maps and camel case for strict clients. Floor 5. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Server, type ServerDuplexStream, type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { packageRoot } from '../../../ground/package-root.ts'
import { type Decoded, politely } from './definitions.ts'

type Stream = ServerDuplexStream<Decoded, object>
interface Answering {
  on(event: 'end', listener: () => void): void
  on(event: 'data', listener: (message: object) => void): void
  write(message: object): void
  end(): void
}

/** Adds reflection v1 and v1alpha. @returns false when the package was not built and there is nothing to reflect */
export function addReflection(server: Server): boolean {
  const path = join(packageRoot(), 'dist', 'castellan.binpb')
  if (!existsSync(path)) return false
  const described = {
    castellan: { format: '', type: {}, fileDescriptorProtos: filesOf(readFileSync(path)) },
  } as unknown as PackageDefinition
  const registrar = {
    addService(service: ServiceDefinition, handlers: UntypedServiceImplementation) {
      const answer = handlers['ServerReflectionInfo'] as unknown as (stream: Answering) => void
      server.addService(politely(service), { ServerReflectionInfo: (stream: Stream) => answer(paced(stream)) })
    },
  }
  new ReflectionService(described).addToServer(registrar as unknown as Server)
  return true
}

/** The files of a google.protobuf.FileDescriptorSet (field 1, length-delimited), each in the bytes that buf wrote. */
function filesOf(set: Buffer): Buffer[] {
  const files: Buffer[] = []
  let at = 0
  while (at < set.length) {
    if (set[at] !== 0x0a) throw new Error('dist/castellan.binpb is not a FileDescriptorSet; build again')
    at += 1
    let length = 0
    for (let shift = 0; ; shift += 7, at += 1) {
      const byte = set[at] ?? 0
      length += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    files.push(set.subarray(at + 1, at + 1 + length))
    at += 1 + length
  }
  return files
}

/** Reads no further than the client reads: reflection needs no key, so nobody may make it queue answers. */
function paced(stream: Stream): Answering {
  stream.on('drain', () => stream.resume())
  return {
    on(event: 'end' | 'data', listener: (() => void) & ((message: object) => void)) {
      if (event === 'end') stream.on('end', listener)
      else {
        stream.on('data', (request: Decoded) => {
          if (request.message !== undefined) listener(request.message)
          else stream.emit('error', Object.assign(new Error('Not a message of this method.'), { code: status.INVALID_ARGUMENT }))
        })
      }
    },
    write(message) {
      if (!stream.write(message)) stream.pause()
    },
    end: () => stream.end(),
  }
}
