/** The guard of the office: whose question it is, and what its routes are made with. */
import type { Client } from 'castellan/client'
import { createGuard, type ExpressGuard } from 'castellan/client/express'
import type { Request } from 'express'
import type { Permission } from './permissions.ts'
import type { Sessions } from './sessions.ts'

export type Guard = ExpressGuard<Permission, Request>

/** The session has the access token; the service knows whether the login behind it still lives, at every question. */
export function openGuard(client: Client<Permission>, sessions: Sessions): Guard {
  return createGuard<Permission, Request>(client, {
    subject: (request) => {
      const session = sessions.find(request)
      return session && { accessToken: session.accessToken }
    },
    // The policy's own words for a condition, such as "Four eyes, …".
    tellHints: true,
    onError: (error) => process.stderr.write(`${error.name} ${error.code}: ${error.message}\n`),
  })
}
