/** Libraries that others use, unchanged, against the real identity service: they know the standards and nothing of ours. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import type { KeySet } from '../../src/identity/ports.ts'
import type { SigningAlgorithm } from '../../src/model/identity.ts'
import { ACCESS_TOKEN_SECONDS_MAX, KEY_PUBLISHED_AHEAD_MS } from '../../src/model/identity-limits.ts'
import { type DecisionReplica, openDecisionReplica } from './decision-replica.ts'
import { AUDIENCE, CLIENT, type IdentityHouse, openIdentityHouse } from './identity-house.ts'

const insecure = { [oauth.allowInsecureRequests]: true } as const
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const REFRESH_TOKEN = 'urn:ietf:params:oauth:token-type:refresh_token'

const LIBRARIES = ['express-oauth2-jwt-bearer', 'jwks-rsa'] as const

interface Resource {
  /** What a service behind this library answers to a token. */
  ask(library: (typeof LIBRARIES)[number], token: string): Promise<string>
  close(): Promise<void>
}

/** In a process of its own: the libraries load each other in ways that only Node itself knows. */
async function openResource(issuer: string): Promise<Resource> {
  const script = fileURLToPath(new URL('./resource-server.mjs', import.meta.url))
  const child = spawn(process.execPath, ['--no-warnings', script, issuer, AUDIENCE], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [port] = await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('It did not start')))])
  return {
    async ask(library, token) {
      const answer = await fetch(`http://127.0.0.1:${String(port).trim()}/${library}`, { headers: { authorization: `Bearer ${token}` } })
      return `${answer.status} ${await answer.text()}`
    },
    async close() {
      child.stdin.end()
      await ended
    },
  }
}

describe.each<SigningAlgorithm>(['ES256', 'RS256', 'EdDSA'])('clients of the field and tokens signed with %s', (algorithm) => {
  let house: IdentityHouse
  beforeAll(async () => {
    house = await openIdentityHouse(algorithm)
  })
  afterAll(() => house.close())
  const forApp = () =>
    openid.discovery(new URL(house.issuer), CLIENT, undefined, openid.None(), {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    })

  it.each(['oauth2', 'oidc'] as const)('openid-client finds everything by %s discovery: service tokens, introspection', async (kind) => {
    const { id, key } = house.service
    const client = await openid.discovery(new URL(house.issuer), id, key, openid.ClientSecretBasic(key), {
      algorithm: kind,
      execute: [openid.allowInsecureRequests],
    })
    const granted = await openid.clientCredentialsGrant(client, { scope: 'decide' })
    expect(granted).toMatchObject({ token_type: 'bearer', scope: 'decide', expires_in: 300 })
    expect(await openid.tokenIntrospection(client, granted.access_token)).toMatchObject({ active: true, sub: id, client_id: id })
    expect(await openid.tokenIntrospection(client, 'none of yours')).toEqual({ active: false })
  })

  it('openid-client refreshes, moves to another tenant, and revokes, as a public client', async () => {
    const client = await forApp()
    const first = await openid.refreshTokenGrant(client, await house.signIn())
    const second = await openid.refreshTokenGrant(client, first.refresh_token ?? '')
    expect(second.refresh_token).not.toBe(first.refresh_token)
    const moved = await openid.genericGrantRequest(client, EXCHANGE, {
      ...{ subject_token: second.refresh_token ?? '', subject_token_type: REFRESH_TOKEN, tenant: 'south' },
    })
    expect(moved).toMatchObject({ token_type: 'bearer', issued_token_type: ACCESS_TOKEN })
    const further = await openid.refreshTokenGrant(client, moved.refresh_token ?? '')
    await openid.tokenRevocation(client, second.refresh_token ?? '')
    for (const { refresh_token: token } of [second, further])
      await expect(openid.refreshTokenGrant(client, token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  it('oauth4webapi takes every answer, and an access token as RFC 9068 has it', async () => {
    const issuer = new URL(house.issuer)
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    const server = await oauth.processDiscoveryResponse(issuer, discovered)
    const { id, key } = house.service
    const [service, secret] = [{ client_id: id }, oauth.ClientSecretPost(key)]
    const granted = await oauth.processClientCredentialsResponse(
      server,
      service,
      await oauth.clientCredentialsGrantRequest(server, service, secret, { scope: 'decide audit' }, insecure),
    )
    const presented = (token: string) => new Request('https://api.hospital.example/', { headers: { authorization: `Bearer ${token}` } })
    expect(await oauth.validateJwtAccessToken(server, presented(granted.access_token), AUDIENCE, insecure)).toMatchObject({ sub: id })

    const [app, none] = [{ client_id: CLIENT }, oauth.None()]
    const refreshed = await oauth.processRefreshTokenResponse(
      server,
      app,
      await oauth.refreshTokenGrantRequest(server, app, none, await house.signIn(), insecure),
    )
    expect(await oauth.validateJwtAccessToken(server, presented(refreshed.access_token), AUDIENCE, insecure)).toMatchObject({ sub: 'ann' })
    const ask = async () =>
      await oauth.processIntrospectionResponse(
        server,
        service,
        await oauth.introspectionRequest(server, service, secret, refreshed.access_token, insecure),
      )
    expect(await ask()).toMatchObject({ active: true, sub: 'ann' })
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, app, none, refreshed.refresh_token ?? '', insecure))
    expect(await ask()).toEqual({ active: false })
  })

  it.each(LIBRARIES)('%s takes a token of a person and of a service, and no other', async (library) => {
    const { access_token: person } = await openid.refreshTokenGrant(await forApp(), await house.signIn())
    const { id, key } = house.service
    const service = await openid.discovery(new URL(house.issuer), id, key, undefined, { execute: [openid.allowInsecureRequests] })
    const { access_token: granted } = await openid.clientCredentialsGrant(service)
    const resource = await openResource(house.issuer)
    try {
      expect(decodeProtectedHeader(person)).toMatchObject({ alg: algorithm, typ: 'at+jwt' })
      expect(await resource.ask(library, person)).toBe('200 {"sub":"ann"}')
      expect(await resource.ask(library, granted)).toBe(`200 {"sub":"${id}"}`)
      const [header, payload] = person.split('.')
      expect(await resource.ask(library, `${header}.${payload}.${granted.split('.')[2]}`)).toMatch(/^401 /)
    } finally {
      await resource.close()
    }
  })
})

describe('a key rotation in the middle of the day', () => {
  let house: IdentityHouse
  let resource: Resource
  let decisions: DecisionReplica
  beforeAll(async () => {
    house = await openIdentityHouse()
    resource = await openResource(house.issuer)
    decisions = await openDecisionReplica(house)
  })
  afterAll(async () => {
    await decisions.close()
    await resource.close()
    await house.close()
  })

  it('refuses no good token anywhere, whichever replica signed it and whoever verifies it; an emergency refuses all', async () => {
    const { id, key } = house.service
    const clients = await Promise.all(
      house.replicas.map(async ({ url }) => {
        const found = await openid.discovery(new URL(house.issuer), id, key, undefined, { execute: [openid.allowInsecureRequests] })
        // The same service behind another address, as behind a balancer.
        const { supportsPKCE: _, ...metadata } = { ...found.serverMetadata(), token_endpoint: `${url}/oauth/token` }
        const client = new openid.Configuration(metadata, id, key)
        openid.allowInsecureRequests(client)
        return client
      }),
    )
    const remote = createRemoteJWKSet(new URL(`${house.issuer}/.well-known/jwks.json`))
    const options = {
      issuer: house.issuer,
      audience: AUDIENCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      maxTokenAge: ACCESS_TOKEN_SECONDS_MAX,
    }
    const failures: string[] = []
    const kids = new Set<string>()
    let verified = 0
    const judge = async (token: string) => {
      kids.add(decodeProtectedHeader(token).kid ?? '')
      const [introspected, ...answers] = await Promise.all([
        openid.tokenIntrospection(clients[verified % 2] as openid.Configuration, token),
        ...LIBRARIES.map((library) => resource.ask(library, token)),
        jwtVerify(token, remote, options),
      ])
      for (const answer of answers) if (typeof answer === 'string' && !answer.startsWith('200 ')) failures.push(answer)
      if (!introspected.active) failures.push('introspection: inactive')
      verified++
    }
    /** Each with its own last token, so that old ones are presented after the rotation too. */
    let stopped = false
    const tokens: string[] = []
    const work = async (client: openid.Configuration) => {
      while (!stopped && failures.length === 0) {
        try {
          const { access_token: token } = await openid.clientCredentialsGrant(client, { scope: 'decide' })
          tokens.push(token)
          await judge(token)
          await judge(tokens[0] ?? token)
        } catch (fault) {
          failures.push(String(fault))
        }
      }
    }
    /** People, who ask the decision service: what they were given first, and what they were given last. */
    const people: string[] = []
    let checked = 0
    const live = async (_: unknown, index: number) => {
      const { url } = house.replicas[index % 2] as (typeof house.replicas)[number]
      let [refreshToken, first, asked] = [await house.signIn(), '', 0]
      while (!stopped && failures.length === 0) {
        // As often as a minute allows for one session.
        if (++asked % 40 === 0) refreshToken = await house.signIn()
        try {
          const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT, refresh_token: refreshToken })
          const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body })
          const { access_token: token, refresh_token: next } = (await answer.json()) as Record<'access_token' | 'refresh_token', string>
          refreshToken = next
          first ||= token
          people.push(token)
          for (const shown of [token, first]) {
            const answered = await decisions.check(shown, 'coding.medical-stay.read')
            if (answered !== 'allowed') failures.push(`decision: ${answered}`)
          }
          checked++
        } catch (fault) {
          failures.push(String(fault))
        }
      }
    }
    const workers = [...[...clients, ...clients, ...clients].map(work), ...clients.map(live)]
    const until = async (done: () => boolean) => {
      while (!done() && failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    let rotatedAt = 0
    try {
      await until(() => verified >= 60 && checked >= 10)
      await house.ageKeys(KEY_PUBLISHED_AHEAD_MS)
      await house.replicas[0].administration.rotateKeys(house.house.context, 'normal')
      rotatedAt = tokens.length
      const [before, checkedBefore] = [verified, checked]
      await until(() => verified >= before + 120 && checked >= checkedBefore + 20)
    } finally {
      stopped = true
      await Promise.all(workers)
    }
    expect(failures).toEqual([])
    expect(kids.size).toBe(2)
    expect(new Set(people.map((token) => decodeProtectedHeader(token).kid))).toEqual(kids)
    // What was asked for after the rotation was answered has the new key, on both replicas; those under way may have either.
    const late = tokens.slice(rotatedAt + workers.length).map((token) => decodeProtectedHeader(token).kid)
    expect(late.length).toBeGreaterThan(10)
    expect(new Set(late).size).toBe(1)

    const published = async () => ((await (await fetch(`${house.issuer}/.well-known/jwks.json`)).json()) as KeySet).keys
    const before = (await published()).map(({ kid }) => kid)
    await house.replicas[1].administration.rotateKeys(house.house.context, 'emergency')
    for (const client of clients) {
      for (const token of [tokens[0], tokens.at(-1)])
        expect(await openid.tokenIntrospection(client, token ?? '')).toEqual({ active: false })
      const { access_token: fresh } = await openid.clientCredentialsGrant(client, { scope: 'decide' })
      expect(await openid.tokenIntrospection(client, fresh)).toMatchObject({ active: true })
    }
    for (const token of [people[0], people.at(-1)])
      expect(await decisions.check(token ?? '', 'coding.medical-stay.read')).toBe('TOKEN_INVALID')
    const keys = await published()
    expect(keys.length).toBe(2)
    // Not the next one either, which had signed nothing, but lay where they lay.
    expect(before.length).toBe(3)
    expect(keys.filter(({ kid }) => before.includes(kid) || kids.has(String(kid)))).toEqual([])
  })
})
