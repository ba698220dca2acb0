/** A connection inside of another one: what is not answered at once goes through it to node's own server, and its answer out of it. Floor 4. */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void

export class PassedOn extends Duplex {
  readonly outer: Socket
  readonly #told: { readonly answered: () => void; readonly gone: () => void }
  #left = false
  /** As TLS sockets say it, which is where frameworks look. */
  readonly encrypted: boolean

  /** @param told `answered`: what was passed on has its answer; `gone`: node ended this connection before it had written all */
  constructor(outer: Socket, told: { readonly answered: () => void; readonly gone: () => void }) {
    super()
    this.outer = outer
    this.#told = told
    this.encrypted = 'encrypted' in outer
  }

  get remoteAddress(): string | undefined {
    return this.outer.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.outer.remotePort
  }

  /** To be called when a response to what came through it is over. */
  answered(): void {
    this.#told.answered()
  }

  /** The outer one goes on without this one. */
  leave(): void {
    this.#left = true
    this.destroy()
  }

  /** Requests are pushed wholly, so there is never more to be had. */
  override _read(): void {}

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: Done): void {
    if (this.outer.write(chunk, encoding)) done()
    else this.outer.once('drain', done)
  }

  /** Header and body in one packet. */
  override _writev(chunks: { readonly chunk: Buffer | string; readonly encoding: BufferEncoding }[], done: Done): void {
    this.outer.cork()
    let roomy = true
    for (const { chunk, encoding } of chunks) roomy = this.outer.write(chunk, encoding)
    this.outer.uncork()
    if (roomy) done()
    else this.outer.once('drain', done)
  }

  override _final(done: Done): void {
    this.outer.destroySoon()
    done()
  }

  override _destroy(fault: Error | null, done: Done): void {
    if (!this.#left && !this.writableFinished) this.#told.gone()
    done(fault)
  }
}
