/** Takes OTLP over HTTP as a collector does, and keeps the spans that it was sent. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TakenSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly traceState: string | undefined
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** 2 is ERROR. */
  readonly status: number
  readonly resource: Readonly<Record<string, unknown>>
}

export interface OtlpCollector {
  readonly url: string
  readonly spans: readonly TakenSpan[]
  readonly headers: readonly NodeJS.Dict<string | string[]>[]
  /** Everything it was sent, as text. */
  readonly text: () => string
  /** From now on it answers so. */
  answer(status: number): void
  close(): Promise<void>
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[]
  }[]
}
interface SentSpan extends Omit<TakenSpan, 'attributes' | 'status' | 'resource'> {
  readonly attributes: readonly KeyValue[]
  readonly status: { readonly code?: number }
}

export async function openOtlpCollector(): Promise<OtlpCollector> {
  const spans: TakenSpan[] = []
  const headers: NodeJS.Dict<string | string[]>[] = []
  const texts: string[] = []
  let status = 200
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (status === 200) {
        const text = Buffer.concat(chunks).toString()
        texts.push(text)
        headers.push(request.headers)
        for (const { resource, scopeSpans } of (JSON.parse(text) as Sent).resourceSpans)
          for (const span of scopeSpans.flatMap((scope) => scope.spans))
            spans.push({
              ...span,
              attributes: valuesOf(span.attributes),
              status: span.status.code ?? 0,
              resource: valuesOf(resource.attributes),
            })
      }
      response.writeHead(request.url === '/v1/traces' ? status : 404, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    text: () => texts.join('\n'),
    answer: (next) => {
      status = next
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function valuesOf(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
