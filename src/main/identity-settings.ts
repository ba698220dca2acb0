/** Settings of the identity service, and of tokens wherever they are read. Its table is a part of settings.ts. Floor 6. */
import { z } from 'zod'
import { defaultedSetting, optionalSetting } from '../ground/settings.ts'
import { SIGNING_ALGORITHMS } from '../model/identity.ts'
import { ACCESS_TOKEN_SECONDS_MAX, ACCESS_TOKEN_SECONDS_MIN } from '../model/identity-limits.ts'
import { idFault } from '../model/ids.ts'
import { flag, host, identitySecrets, issuer, mailSender, port, smtpUrl, wholeNumber } from './setting-forms.ts'

export const identitySettings = {
  identityHost: host('CASTELLAN_IDENTITY_HOST', 'Address on which the identity service listens. `castellan dev` binds loopback only.'),
  identityPort: port('CASTELLAN_IDENTITY_PORT', 'Port of the identity service: login, tokens, JWKS, its administration.', '8081'),
  issuer: optionalSetting({
    name: 'CASTELLAN_ISSUER',
    meaning:
      'Public address of the identity service: `iss` of every token, and the base of every mailed link. The decision service takes `accessToken` when it has this and the audience.',
    accepts:
      'an origin such as `https://login.example.org`, in lower case, without path, query and trailing slash; `http` only for loopback',
    schema: issuer,
    fallbackMeaning: 'none; `castellan dev`: the address it binds',
  }),
  tokenAudience: optionalSetting({
    name: 'CASTELLAN_TOKEN_AUDIENCE',
    meaning: '`aud` of every access token: names the services that may take it.',
    accepts: '1 to 256 printable characters without blanks',
    schema: z.string().regex(/^[\x21-\x7e]{1,256}$/),
    fallbackMeaning: 'none; `castellan dev`: `castellan`',
  }),
  identitySecret: optionalSetting({
    name: 'CASTELLAN_IDENTITY_SECRET',
    meaning:
      'What refresh tokens and login codes are made from and signing keys are encrypted under. The first one makes, all check: to replace it, put a new one before it, and remove the old one 30 days later.',
    accepts: 'one to five secrets of 32 bytes in base64, separated by commas (`openssl rand -base64 32`)',
    schema: identitySecrets,
    fallbackMeaning: 'none; `castellan dev` makes a random one',
    secret: true,
  }),
  accessTokenSeconds: defaultedSetting({
    name: 'CASTELLAN_ACCESS_TOKEN_SECONDS',
    meaning: 'Life of an access token: how long a removal may go unnoticed by services that verify tokens on their own and ask nobody.',
    accepts: `whole seconds, ${ACCESS_TOKEN_SECONDS_MIN} to ${ACCESS_TOKEN_SECONDS_MAX}`,
    schema: wholeNumber(ACCESS_TOKEN_SECONDS_MIN, ACCESS_TOKEN_SECONDS_MAX),
    fallback: '300',
  }),
  tokenAlgorithm: defaultedSetting({
    name: 'CASTELLAN_TOKEN_ALGORITHM',
    meaning: 'Algorithm of the next signing key that is made; keys that are there keep theirs.',
    accepts: SIGNING_ALGORITHMS.map((algorithm) => `\`${algorithm}\``).join(', '),
    schema: z.enum(SIGNING_ALGORITHMS),
    fallback: 'ES256',
  }),
  smtpUrl: optionalSetting({
    name: 'CASTELLAN_SMTP_URL',
    meaning:
      'Mail server of the identity service. `smtps` is TLS from the first byte; `smtp` goes over to TLS by STARTTLS and refuses a server that does not, except on loopback.',
    accepts: '`smtp://user:password@host:port` or `smtps://…`; user, password and port may be left out',
    schema: smtpUrl,
    fallbackMeaning: 'none; `castellan dev` shows mails at `/dev/mailbox`',
    secret: true,
  }),
  mailFrom: optionalSetting({
    name: 'CASTELLAN_MAIL_FROM',
    meaning: 'Sender of login mails.',
    accepts: '`address@domain` or `Name <address@domain>`',
    schema: mailSender,
  }),
  signUp: defaultedSetting({
    name: 'CASTELLAN_SIGN_UP',
    meaning: 'Whether somebody whom nobody invited may log in, and is registered by it; without roles either way.',
    accepts: '`true` or `false`',
    schema: flag,
    fallback: 'false',
  }),
  loginSameBrowser: defaultedSetting({
    name: 'CASTELLAN_LOGIN_SAME_BROWSER',
    meaning:
      'Whether a link is refused in another browser than the one that asked for it; otherwise it signs in there, and the page says so.',
    accepts: '`true` or `false`',
    schema: flag,
    fallback: 'false',
  }),
  refreshGraceSeconds: defaultedSetting({
    name: 'CASTELLAN_REFRESH_GRACE_SECONDS',
    meaning:
      'How long after a refresh the token before it gets the same successor again, for browsers that refresh twice at once; 0 ends the session at once.',
    accepts: 'whole seconds, 0 to 60',
    schema: wholeNumber(0, 60),
    fallback: '10',
  }),
  trustProxyHops: defaultedSetting({
    name: 'CASTELLAN_TRUST_PROXY_HOPS',
    meaning:
      'Proxies of yours before the identity service: limits count the network address that stands this far from the right in `X-Forwarded-For`. A number above that of your proxies lets visitors choose theirs.',
    accepts: 'a whole number, 0 to 10; 0 takes the address of the connection',
    schema: wholeNumber(0, 10),
    fallback: '0',
  }),
  adminTenant: optionalSetting({
    name: 'CASTELLAN_ADMIN_TENANT',
    meaning:
      'Tenant in which people who hold `castellan.account.write` administer accounts by their access token. Nobody deactivates himself or the last of them. The same for every process.',
    accepts: 'id of a tenant',
    schema: z.string().refine((text) => idFault(text) === undefined),
    fallbackMeaning: 'none: only caller keys administer',
  }),
} as const
