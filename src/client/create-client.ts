/** The client over gRPC, from what an application says. Holds no rule of asking. Floor 6. */

import { type Clock, systemClock } from '../ground/clock.ts'
import { openClient } from './asking/open-client.ts'
import { type AskingNeeds, type AskingOptions, checkedOptions, openServiceAsker, systemNeeds } from './asking/service-asker.ts'
import type { Client } from './client.ts'
import { openLocalLater } from './local/local-later.ts'
import { type LocalOptions, readLocalOptions } from './local/local-options.ts'
import type { LocalStatus } from './local/local-status.ts'
import { checkNames } from './wires/credentials.ts'
import { openGrpcAccessWire } from './wires/grpc-access-wire.ts'
import { type GrpcChannelOptions, openGrpcChannel } from './wires/grpc-channel.ts'
import { openGrpcWire } from './wires/grpc-wire.ts'

export interface ClientOptions extends GrpcChannelOptions, AskingOptions {
  /**
   * Decide in this process, from what was loaded before, while a stream of changes shows that it still holds; otherwise the service is asked.
   * The key needs the scope `replicate` beside `decide`. Absent or false: the service is always asked.
   */
  readonly local?: boolean | LocalOptions
}

/** A client that decides in this process while it can. */
export interface LocalClient<Permission extends string = string> extends Client<Permission> {
  readonly local: {
    /** For a page about this process's health. */
    status(): LocalStatus
  }
}

/**
 * A client of the decision service over gRPC; connects when it is first asked. One for a process is enough.
 * @typeParam Permission the names of the policy, as `castellan codegen` writes them
 * @throws TypeError that says which option is wrong
 */
export function createClient<Permission extends string = string>(
  options: ClientOptions & { readonly local: true | LocalOptions },
): LocalClient<Permission>
export function createClient<Permission extends string = string>(options: ClientOptions): Client<Permission>
export function createClient<Permission extends string = string>(options: ClientOptions): Client<Permission> {
  return openGrpcClient<Permission>(options, { ...systemNeeds, background: systemClock })
}

/** @param needs time and randomness; `background`: of what local checks do while nobody waits, which holds no process */
export function openGrpcClient<Permission extends string = string>(
  options: ClientOptions,
  needs: AskingNeeds & { readonly background?: Clock },
): Client<Permission> & Partial<LocalClient<Permission>> {
  if (typeof options !== 'object' || options === null) throw new TypeError('createClient takes { target, credentials, … }')
  checkNames('createClient', options, OPTION_NAMES)
  const asking = checkedOptions(options)
  const plan = options.local === undefined || options.local === false ? undefined : readLocalOptions(options.local)
  const channel = openGrpcChannel(options)
  const service = openServiceAsker(openGrpcWire(channel), asking, needs)
  if (plan === undefined) return openClient<Permission>(service)
  const local = openLocalLater({
    ...needs,
    clock: needs.background ?? needs.clock,
    service,
    wire: openGrpcAccessWire(channel),
    plan,
    deadlineMs: asking.deadlineMs,
  })
  return { ...openClient<Permission>(local), local: { status: () => local.status() } }
}

const OPTION_NAMES = ['target', 'credentials', 'insecure', 'deadlineMs', 'retries', 'local']
