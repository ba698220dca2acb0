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
  grpcTarget: optionalSetting({
    name: 'CASTELLAN_GRPC_TARGET',
    meaning:
      'Where applications find the service over gRPC; `castellan run` sets it for the command that it runs. The command line does not use it.',
    accepts: '`host:port`, or a target such as `dns:///castellan:9090`',
    schema: z.string().min(1).max(1_024),
  }),
  key: optionalSetting({
    name: 'CASTELLAN_KEY',
    meaning: 'Caller key that the command line presents (`--key`).',
    accepts: 'a caller key',
    schema: keyText.max(8_192),
    secret: true,
  }),
} as const
