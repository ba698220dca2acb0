/** Settings of the command line when it talks to a service. Its table is a part of settings.ts. Floor 6. */
import { z } from 'zod'
import { defaultedSetting, optionalSetting } from '../ground/settings.ts'
import { keyText } from './setting-forms.ts'

export const clientSettings = {
  url: defaultedSetting({
    name: 'CASTELLAN_URL',
    meaning: 'Service that the command line talks to (`--url`).',
    accepts: 'an address beginning with `http://` or `https://`',
    schema: z.url({ protocol: /^https?$/ }),
    fallback: 'http://127.0.0.1:8080',
  }),
  identityUrl: defaultedSetting({
    name: 'CASTELLAN_IDENTITY_URL',
    meaning:
      'Identity service that the command line talks to (`--url` of the commands on people, sessions, applications and signing keys).',
    accepts: 'an address beginning with `http://` or `https://`',
    schema: z.url({ protocol: /^https?$/ }),
    fallback: 'http://127.0.0.1:8081',
  }),
  key: optionalSetting({
    name: 'CASTELLAN_KEY',
    meaning: 'Caller key that the command line presents (`--key`).',
    accepts: 'a caller key',
    schema: keyText.max(8_192),
    secret: true,
  }),
} as const
