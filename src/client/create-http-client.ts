/** The client over HTTP, which needs no package, from what an application says. Holds no rule of asking. Floor 6. */
import { openClient } from './asking/open-client.ts'
import { type AskingNeeds, type AskingOptions, checkedOptions, openServiceAsker, systemNeeds } from './asking/service-asker.ts'
import type { Client } from './client.ts'
import { checkNames } from './wires/credentials.ts'
import { type HttpWireOptions, openHttpWire } from './wires/http-wire.ts'

export interface HttpClientOptions extends HttpWireOptions, AskingOptions {}

/**
 * A client of the decision service over HTTP; connects when it is first asked. One for a process is enough.
 * @typeParam Permission the names of the policy, as `castellan codegen` writes them
 * @throws TypeError that says which option is wrong
 */
export function createHttpClient<Permission extends string = string>(options: HttpClientOptions): Client<Permission> {
  return openHttpClient<Permission>(options, systemNeeds)
}

/** @param needs time and randomness */
export function openHttpClient<Permission extends string = string>(options: HttpClientOptions, needs: AskingNeeds): Client<Permission> {
  if (typeof options !== 'object' || options === null) throw new TypeError('createHttpClient takes { url, credentials, … }')
  checkNames('createHttpClient', options, OPTION_NAMES)
  const asking = checkedOptions(options)
  return openClient<Permission>(openServiceAsker(openHttpWire(options), asking, needs))
}

const OPTION_NAMES = ['url', 'credentials', 'insecure', 'deadlineMs', 'retries']
