/** What the servers of this process are asked with and answer, told to a witness: no client has to be changed for it. Changes no byte. */
import { Buffer } from 'node:buffer'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Witness } from './witness.ts'

const CHANNEL = 'http.server.request.start'

/** @returns ends it */
export function hearAnswers(port: number, witness: Witness): () => void {
  const listen = (message: unknown) => {
    const { request, response } = message as { readonly request: IncomingMessage; readonly response: ServerResponse }
    if (request.socket.localPort !== port) return
    for (const value of credentialsOf(request)) witness.hear(value)
    const chunks: Buffer[] = []
    const take = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
    }
    const { write, end } = response
    response.write = ((...given: unknown[]) => {
      take(given[0])
      return Reflect.apply(write, response, given)
    }) as typeof write
    response.end = ((...given: unknown[]) => {
      take(given[0])
      for (const cookie of [response.getHeader('set-cookie') ?? []].flat()) witness.hear(String(cookie))
      witness.hear(Buffer.concat(chunks).toString())
      return Reflect.apply(end, response, given)
    }) as typeof end
  }
  subscribe(CHANNEL, listen)
  return () => void unsubscribe(CHANNEL, listen)
}

/** By their form they are known there: ids and junk are presented as well, where it is tried whether they are good. */
function credentialsOf({ headers }: IncomingMessage): readonly string[] {
  const { authorization = '', cookie = '' } = headers
  const basic = /^basic (\S+)$/i.exec(authorization)?.[1] ?? ''
  return [cookie, authorization, Buffer.from(basic, 'base64').toString()]
}
