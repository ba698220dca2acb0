/** What answers have in common that are written bit by bit: headers, waiting for a slow reader, a last word. Floor 5. */
import type { ServerResponse } from 'node:http'
import { abortable } from '../../../access/abortable.ts'
import { PLAN_LAST_LINE_WAIT_MS } from '../../../model/policy-limits.ts'

export function streamHeaders(contentType: string, requestId: string): Readonly<Record<string, string>> {
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    // Proxies that gather answers would keep progress to themselves.
    'x-accel-buffering': 'no',
    connection: 'close',
  }
}

/** @throws the signal's reason: a reader who has gone reads nothing any more */
export async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  let resume: () => void = () => undefined
  try {
    await abortable(
      new Promise<void>((resolve) => {
        resume = resolve
        response.once('drain', resume)
      }),
      signal,
    )
  } finally {
    response.off('drain', resume)
  }
}

/** A reader who does not read would hold a connection for nothing: it is cut, and a body that is cut is an error too. */
export function endWith(response: ServerResponse, last: string): void {
  if (response.destroyed) return
  const cut = setTimeout(() => response.destroy(), PLAN_LAST_LINE_WAIT_MS)
  response.on('close', () => clearTimeout(cut))
  response.end(last)
}
