/** The documents under /.well-known/: what clients find the service and its keys by. Pure; serves nothing itself (see the routes). Floor 5. */
import { createHash } from 'node:crypto'
import { SCOPES } from '../../model/caller.ts'
import { LOCALES, SIGNING_ALGORITHMS } from '../../model/identity.ts'
import { KEY_SET_CACHE_SECONDS } from '../../model/identity-limits.ts'
import type { KeySet } from '../ports.ts'
import type { PublicDocument } from './needs.ts'

const KEY_SET_PATH = '/.well-known/jwks.json'

/** By path. @param issuer without a slash at its end, so that it is one text everywhere */
export function wellKnownDocuments(issuer: string, keySet: () => Promise<KeySet>): ReadonlyMap<string, () => Promise<PublicDocument>> {
  const server = documentOf(authorizationServerMetadata(issuer))
  const openid = documentOf(openidConfiguration(issuer))
  return new Map([
    [KEY_SET_PATH, async () => documentOf(await keySet())],
    ['/.well-known/oauth-authorization-server', async () => server],
    ['/.well-known/openid-configuration', async () => openid],
  ])
}

/** RFC 8414. */
export function authorizationServerMetadata(issuer: string): Readonly<Record<string, unknown>> {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    revocation_endpoint: `${issuer}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    introspection_endpoint: `${issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    jwks_uri: `${issuer}${KEY_SET_PATH}`,
    grant_types_supported: ['refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    // Required, and never empty (RFC 8414, 3.2). The login page sends people back with nothing in the address: that is what "none" means.
    response_types_supported: ['none'],
    scopes_supported: [...SCOPES],
    ui_locales_supported: [...LOCALES],
  }
}

/** OpenID Connect Discovery 1.0, for clients that look nowhere else. No ID tokens are issued. */
export function openidConfiguration(issuer: string): Readonly<Record<string, unknown>> {
  return {
    ...authorizationServerMetadata(issuer),
    // Required there. People begin here; it takes no parameters of OAuth.
    authorization_endpoint: `${issuer}/login`,
    subject_types_supported: ['public'],
    /*
     * Required there, and some libraries take nothing else for access tokens. All that a key may ever have, not what the keys have now: whoever
     * keeps this document must not refuse the first token after a change of the setting. Each key names its own one algorithm.
     */
    id_token_signing_alg_values_supported: [...SIGNING_ALGORITHMS],
    claims_supported: [
      'iss',
      'aud',
      'sub',
      'client_id',
      'iat',
      'exp',
      'jti',
      'sid',
      'tid',
      'epoch',
      'auth_time',
      'amr',
      'pc',
      'pb',
      'pv',
      'pov',
    ],
    // Supported unless said otherwise.
    request_uri_parameter_supported: false,
  }
}

/** Keys are published for longer before they sign than anybody keeps this. */
function documentOf(content: unknown): PublicDocument {
  const body = JSON.stringify(content)
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  return { body, etag, cacheSeconds: KEY_SET_CACHE_SECONDS }
}
