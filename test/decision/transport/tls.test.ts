import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { credentials, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Client } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import type { TlsOptions } from '../../../src/client/wires/credentials.ts'
import { ask, decisionClient, openWires, type Wires } from './wires.ts'

let folder: string
let wires: Wires
let mutual: Wires

/** A key and a certificate, made now and gone after the test. */
function certify(name: string, authority?: string): void {
  const file = (end: string) => join(folder, `${name}.${end}`)
  const signer =
    authority === undefined
      ? ['-addext', 'basicConstraints=critical,CA:TRUE']
      : ['-CA', join(folder, `${authority}.crt`), '-CAkey', join(folder, `${authority}.key`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', ...signer]
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', [...fresh, ...subject, '-keyout', file('key'), '-out', file('crt')], { stdio: 'ignore' })
}
const read = (name: string) => readFileSync(join(folder, name))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-tls-'))
  certify('authority')
  certify('server', 'authority')
  certify('client', 'authority')
  certify('stranger')
  const tls = { cert: read('server.crt'), key: read('server.key') }
  wires = await openWires((needs) => ({ ...needs, tls }))
  mutual = await openWires((needs) => ({ ...needs, tls: { ...tls, clientCa: read('authority.crt') } }))
})
afterAll(async () => {
  await wires.close()
  await mutual.close()
  rmSync(folder, { recursive: true })
})

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }

/** Status of a check over HTTPS, or the code of the failure. */
function httpsCheck(open: Wires, client?: string): Promise<unknown> {
  const own = client === undefined ? {} : { cert: read(`${client}.crt`), key: read(`${client}.key`) }
  const headers = { authorization: `Bearer ${open.keys.decide}`, 'content-type': 'application/json' }
  return new Promise((resolve) => {
    const options = {
      host: '127.0.0.1',
      port: open.http.port,
      path: '/v1/check',
      method: 'POST',
      headers,
      ca: read('authority.crt'),
      agent: false as const,
      ...own,
    }
    const sent = request(options, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sent.on('error', (fault: NodeJS.ErrnoException) => resolve(fault.code ?? 'failed'))
    sent.end(JSON.stringify(QUESTION))
  })
}

async function grpcCheck(open: Wires, client?: string): Promise<unknown> {
  const own = client === undefined ? [] : [read(`${client}.key`), read(`${client}.crt`)]
  const opened = decisionClient(open.grpc.port, credentials.createSsl(read('authority.crt'), ...own))
  try {
    return (await ask(opened, 'Check', QUESTION, open.keys.decide, { deadline: Date.now() + 20_000 })).allowed
  } catch (fault) {
    return (fault as ServiceError).code
  } finally {
    opened.close()
  }
}

describe('TLS', () => {
  it('serves both wires under the certificate, and nothing in clear', async () => {
    expect(await httpsCheck(wires)).toBe(200)
    expect(await grpcCheck(wires)).toBe(true)
    const clear = decisionClient(wires.grpc.port)
    await expect(ask(clear, 'Check', QUESTION, wires.keys.decide)).rejects.toMatchObject({ code: status.UNAVAILABLE })
    clear.close()
  })

  it('serves only clients with a certificate of the authority when one is set', async () => {
    expect(await httpsCheck(mutual, 'client')).toBe(200)
    expect(await grpcCheck(mutual, 'client')).toBe(true)
    for (const client of [undefined, 'stranger']) {
      expect(typeof (await httpsCheck(mutual, client))).toBe('string')
      expect(await grpcCheck(mutual, client)).toBe(status.UNAVAILABLE)
    }
  })
})

describe('the client, on both wires', () => {
  const PATIENT = { deadlineMs: 20_000, retries: 0 }
  const clients = (open: Wires, tls: true | TlsOptions): readonly Client[] => {
    const credentials = { key: open.keys.decide, tls }
    return [
      createClient({ target: `127.0.0.1:${open.grpc.port}`, credentials, ...PATIENT }),
      createHttpClient({ url: `https://127.0.0.1:${open.http.port}`, credentials, ...PATIENT }),
    ]
  }
  const asked = (open: Wires, tls: true | TlsOptions): Promise<unknown[]> =>
    Promise.all(
      clients(open, tls).map(async (client) => {
        const answer = await client.can(QUESTION).catch((fault: unknown) => (fault as { readonly code?: unknown }).code)
        await client.close()
        return answer
      }),
    )
  const ca = () => read('authority.crt')

  it('trusts the authority that it is told, and no other', async () => {
    expect(await asked(wires, { ca: ca() })).toEqual([true, true])
    expect(await asked(wires, { ca: read('stranger.crt') })).toEqual(['unreachable', 'unreachable'])
    expect(await asked(wires, true)).toEqual(['unreachable', 'unreachable'])
  })

  it.each(['grpc', 'http'] as const)('over %s trusts no stranger, whatever the environment of its process says', async (wire) => {
    const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
    const program = [file('../../chaos/typescript.mjs'), file('../../client/wires/asking-program.ts')]
    const args = ['--import', ...program, wire, `127.0.0.1:${wires[wire].port}`, 'close']
    const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 })
    // The key is nobody's: who answered would have said so.
    expect(stdout.trim()).not.toBe('unauthenticated')
    expect(['unreachable', 'deadline_exceeded']).toContain(stdout.trim())
  })

  it('shows its own certificate where one is asked for', async () => {
    expect(await asked(mutual, { ca: ca(), cert: read('client.crt'), key: read('client.key') })).toEqual([true, true])
    expect(await asked(mutual, { ca: ca() })).toEqual(['unreachable', 'unreachable'])
  })
})
