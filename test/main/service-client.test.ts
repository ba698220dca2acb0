/** What the command line says of a service that it cannot talk to. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createPlainServer, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { openServiceClient } from '../../src/main/command-line/service-client.ts'

it('names NODE_EXTRA_CA_CERTS when it does not trust the certificate of the service', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'castellan-client-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'crt')]
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost']
  execFileSync('openssl', [...fresh, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => response.end('{}'))
  try {
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
    const client = openServiceClient(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, undefined)
    await expect(client.call('GET', '/v1/policy')).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    })
  } finally {
    await new Promise((settle) => server.close(settle))
    rmSync(folder, { recursive: true, force: true })
  }
}, 30_000)

async function linesFrom(
  answer: (response: ServerResponse) => void,
  onLine: () => void = () => undefined,
): Promise<{ readonly read: readonly unknown[]; readonly fault?: unknown }> {
  const server = createPlainServer((request, response) => {
    request.resume().on('end', () => answer(response))
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const client = openServiceClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, undefined)
  const read: unknown[] = []
  try {
    for await (const line of client.lines('/v1/policy/plan', {}, 30_000)) {
      read.push(line)
      onLine()
    }
    return { read }
  } catch (fault) {
    return { read, fault }
  } finally {
    await new Promise((settle) => server.close(settle))
  }
}
const NDJSON = { 'content-type': 'application/x-ndjson' }

it('reads lines whole wherever they were cut on their way, and hands them out before the answer is over', async () => {
  const bytes = Buffer.from('{"name":"zoë"}\n\n{"name":"two"}\n{"name":"last"}')
  const { read } = await linesFrom((response) => {
    response.writeHead(200, NDJSON)
    let at = 0
    const next = () => {
      if (at === bytes.length) return void response.end()
      response.write(bytes.subarray(at, ++at), () => setImmediate(next))
    }
    next()
  })
  expect(read).toEqual([{ name: 'zoë' }, { name: 'two' }, { name: 'last' }])
})

it('ends with a fault, not as if all were read, when the connection breaks within lines', async () => {
  let answering: ServerResponse | undefined
  const { read, fault } = await linesFrom(
    (response) => {
      answering = response
      response.writeHead(200, NDJSON)
      response.write('{"name":"one"}\n{"na')
    },
    () => answering?.destroy(),
  )
  expect(read).toEqual([{ name: 'one' }])
  expect(fault).toMatchObject({ exitCode: 1, message: expect.stringContaining('No answer from') })
})

it('tells what the service said where lines were asked for and a problem came, and takes no other kind of answer for lines', async () => {
  const problem = await linesFrom((response) => {
    response.writeHead(429, { 'content-type': 'application/problem+json' })
    response.end('{"title":"Too busy","code":"overloaded","detail":"Another plan is being made here."}')
  })
  expect(problem).toMatchObject({
    read: [],
    fault: { code: 'overloaded', message: 'Too busy (overloaded): Another plan is being made here.' },
  })
  const page = await linesFrom((response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{}'))
  expect(page).toMatchObject({ read: [], fault: { exitCode: 1 } })
})
