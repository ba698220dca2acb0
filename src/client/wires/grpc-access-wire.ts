/** AccessService over the client's own channel. Floor 6. */
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { parseAccessEvent, parseLoadedAccess, parsePolicyContent } from './access-answers.ts'
import type { AccessListener, AccessWatch, AccessWire, WatchedFrom } from './access-wire.ts'
import type { GrpcChannel } from './grpc-channel.ts'
import type { Message } from './grpc-definitions.ts'
import { serviceError } from './service-error.ts'

/** Does not close the channel, which is its client's. */
export function openGrpcAccessWire(channel: GrpcChannel): AccessWire {
  const { access } = channel
  return {
    async loadAccess({ user, tenant }, call) {
      const { minPosition } = call
      const message = { user, tenant, ...(minPosition === undefined ? {} : { minPosition }) }
      return parseLoadedAccess(await channel.unary(access['LoadAccess'], message, call))
    },
    async loadPolicy(revision, call) {
      return parsePolicyContent(await channel.unary(access['LoadPolicy'], { revision }, call))
    },
    watch: (from, listener) => new GrpcWatch(channel, from, listener),
  }
}

class GrpcWatch implements AccessWatch {
  readonly #channel: GrpcChannel
  readonly #listener: AccessListener
  #stream: ClientDuplexStream<object, Message | undefined> | undefined
  #ended = false

  constructor(channel: GrpcChannel, from: WatchedFrom | undefined, listener: AccessListener) {
    this.#channel = channel
    this.#listener = listener
    this.#open(from).catch((fault: unknown) => this.#over(fault))
  }

  beat(number: number): void {
    if (!this.#ended) this.#stream?.write({ beat: number })
  }

  end(): void {
    this.#ended = true
    this.#stream?.cancel()
  }

  async #open(from: WatchedFrom | undefined): Promise<void> {
    const method = this.#channel.access['WatchAccess']
    if (method === undefined) throw serviceError({ code: 'route_not_found' })
    const headers = await this.#channel.metadata()
    if (this.#ended) return
    const { path, requestSerialize, responseDeserialize } = method
    const stream = this.#channel.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, headers)
    this.#stream = stream
    stream.on('data', (message: Message | undefined) => this.#hear(message))
    // Also after its end: an error that nobody hears ends the process.
    stream.on('error', (fault) => this.#over(this.#channel.errorOf(fault)))
    stream.on('end', () => this.#over(serviceError({ code: 'unreachable' })))
    stream.write(from === undefined ? {} : { from })
  }

  #hear(message: Message | undefined): void {
    if (this.#ended) return
    try {
      this.#listener.event(parseAccessEvent(message))
    } catch (fault) {
      this.#over(fault)
    }
  }

  #over(fault: unknown): void {
    if (this.#ended) return
    this.end()
    this.#listener.ended(fault instanceof Error ? fault : serviceError({ code: 'bad_answer', cause: fault }))
  }
}
