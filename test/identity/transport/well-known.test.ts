import { describe, expect, it } from '@jest/globals'
import { wellKnownDocuments } from '../../../src/identity/transport/well-known.ts'
import { KEY_PUBLISHED_AHEAD_MS } from '../../../src/model/identity-limits.ts'

const ISSUER = 'https://login.hospital.example'
const SERVER = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'
const KEYS = '/.well-known/jwks.json'
let keys = [{ kid: 'one' }]
const documents = wellKnownDocuments(ISSUER, async () => ({ keys }))
const read = async (path: string) => (await documents.get(path)?.()) ?? { body: '{}', cacheSeconds: 0 }
const contentOf = async (path: string): Promise<Record<string, unknown>> => JSON.parse((await read(path)).body)

describe('the documents under /.well-known/', () => {
  it.each([
    ['RFC 8414, 2', SERVER, ['issuer', 'token_endpoint', 'response_types_supported']],
    [
      'OpenID Connect Discovery 1.0, 3',
      OPENID,
      [
        'issuer',
        'authorization_endpoint',
        'token_endpoint',
        'jwks_uri',
        'response_types_supported',
        'subject_types_supported',
        'id_token_signing_alg_values_supported',
      ],
    ],
  ])('have what is required by %s, and no empty list', async (_, path, names) => {
    const content = await contentOf(path)
    expect(Object.keys(content)).toEqual(expect.arrayContaining(names))
    expect(content['issuer']).toBe(ISSUER)
    for (const value of Object.values(content)) if (Array.isArray(value)) expect(value.length).toBeGreaterThan(0)
  })

  it('name only addresses of the issuer, and the same in both', async () => {
    const [server, openid] = [await contentOf(SERVER), await contentOf(OPENID)]
    expect(openid).toMatchObject(server)
    const addresses = Object.entries(openid).filter(([name]) => name.endsWith('_endpoint') || name.endsWith('_uri'))
    expect(addresses.length).toBeGreaterThanOrEqual(5)
    for (const [, address] of addresses) expect(new URL(String(address)).origin).toBe(ISSUER)
    expect(openid['jwks_uri']).toBe(`${ISSUER}${KEYS}`)
  })

  it('promise neither implicit nor symmetric nor unsigned tokens', async () => {
    const content = await contentOf(OPENID)
    expect(content['response_types_supported']).toEqual(['none'])
    expect(content['id_token_signing_alg_values_supported']).toEqual(['ES256', 'EdDSA', 'RS256'])
  })

  it('are kept by nobody for longer than a key is published before it signs', async () => {
    for (const path of documents.keys()) expect((await read(path)).cacheSeconds * 1_000).toBeLessThan(KEY_PUBLISHED_AHEAD_MS)
  })

  it('have another tag when the keys are others, and the same one when they are not', async () => {
    const before = (await read(KEYS)).etag
    expect((await read(KEYS)).etag).toBe(before)
    keys = [{ kid: 'two' }]
    expect((await read(KEYS)).etag).not.toBe(before)
    expect(await contentOf(KEYS)).toEqual({ keys })
  })
})
