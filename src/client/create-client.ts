/** The client over gRPC, from what an application says. Holds no rule of asking. Floor 6. */

import { openClient } from './asking/open-client.ts'
import { type AskingNeeds, type AskingOptions, checkedOptions, openServiceAsker, systemNeeds } from './asking/service-asker.ts'
import type { Client } from './client.ts'
import { checkNames } from './wires/credentials.ts'
import { type GrpcChannelOptions, openGrpcChannel } from './wires/grpc-channel.ts'
import { openGrpcWire } from './wires/grpc-wire.ts'

export interface ClientOptions extends GrpcChannelOptions, AskingOptions {}

/**
 * A client of the decision service over gRPC; connects when it is first asked. One for a process is enough.
 * @typeParam Permission the names of the policy, as `castellan codegen` writes them
 * @throws TypeError that says which option is wrong
 */
export function createClient<Permission extends string = string>(options: ClientOptions): Client<Permission> {
  return openGrpcClient<Permission>(options, systemNeeds)
}

/** @param needs time and randomness */
export function openGrpcClient<Permission extends string = string>(options: ClientOptions, needs: AskingNeeds): Client<Permission> {
  if (typeof options !== 'object' || options === null) throw new TypeError('createClient takes { target, credentials, … }')
  checkNames('createClient', options, OPTION_NAMES)
  const asking = checkedOptions(options)
  const service = openServiceAsker(openGrpcWire(openGrpcChannel(options)), asking, needs)
  return openClient<Permission>(service)
}

const OPTION_NAMES = ['target', 'credentials', 'insecure', 'deadlineMs', 'retries']
