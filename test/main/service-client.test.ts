/** What the command line says of a service that it cannot talk to. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
