/** Server reflection from the descriptors that buf built: those of proto-loader lose maps and camel case for strict clients. Floor 5. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type MethodDefinition,
  type Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../../ground/package-root.ts'

/** Bytes both ways: what they mean is read by what is loaded for the first call. */
type Stream = ServerDuplexStream<Buffer, Buffer>
interface Answering {
  on(event: 'end', listener: () => void): void
  on(event: 'data', listener: (message: object) => void): void
  write(message: object): void
  end(): void
}
interface Version {
  readonly method: MethodDefinition<object, object>
  readonly answer: (stream: Answering) => void
}

const METHOD = 'ServerReflectionInfo'
const SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const

/** Adds reflection v1 and v1alpha, which is loaded when it is first asked. @returns false when the package was not built and there is nothing to reflect */
export function addReflection(server: Server): boolean {
  const path = join(packageRoot(), 'dist', 'castellan.binpb')
  if (!existsSync(path)) return false
  let loading: Promise<ReadonlyMap<string, Version>> | undefined
  for (const service of SERVICES) {
    const methodPath = `/${service}/${METHOD}`
    const answer = async (stream: Stream) => {
      loading ??= loadVersions(path)
      const version = (await loading).get(methodPath)
      if (version === undefined) throw new Error(`${methodPath} is missing in what was loaded`)
      version.answer(paced(stream, version.method))
    }
    const handle = (stream: Stream) => {
      answer(stream).catch(() => stream.emit('error', Object.assign(new Error('Reflection cannot be loaded.'), { code: status.INTERNAL })))
    }
    server.addService({ [METHOD]: bytesOf(methodPath) }, { [METHOD]: handle } as unknown as UntypedServiceImplementation)
  }
  return true
}

function bytesOf(path: string): MethodDefinition<Buffer, Buffer> {
  const asIs = (bytes: Buffer) => bytes
  return {
    ...{ path, requestStream: true, responseStream: true },
    ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
  }
}

/** By the path of their method. */
async function loadVersions(path: string): Promise<ReadonlyMap<string, Version>> {
  const { ReflectionService } = await import('@grpc/reflection')
  const described = {
    castellan: { format: '', type: {}, fileDescriptorProtos: filesOf(await readFile(path)) },
  } as unknown as PackageDefinition
  const versions = new Map<string, Version>()
  const registrar = {
    addService(service: ServiceDefinition, handlers: UntypedServiceImplementation) {
      const method = service[METHOD] as MethodDefinition<object, object>
      versions.set(method.path, { method, answer: handlers[METHOD] as unknown as Version['answer'] })
    },
  }
  new ReflectionService(described).addToServer(registrar as unknown as Server)
  return versions
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
function paced(stream: Stream, method: MethodDefinition<object, object>): Answering {
  stream.on('drain', () => stream.resume())
  return {
    on(event: 'end' | 'data', listener: (() => void) & ((message: object) => void)) {
      if (event === 'end') stream.on('end', listener)
      else {
        stream.on('data', (bytes: Buffer) => {
          const request = messageOf(bytes, method)
          if (request !== undefined) listener(request)
          else stream.emit('error', Object.assign(new Error('Not a message of this method.'), { code: status.INVALID_ARGUMENT }))
        })
      }
    },
    write(message) {
      if (!stream.write(method.responseSerialize(message))) stream.pause()
    },
    end: () => stream.end(),
  }
}

function messageOf(bytes: Buffer, method: MethodDefinition<object, object>): object | undefined {
  try {
    return method.requestDeserialize(bytes)
  } catch {
    return undefined
  }
}
