/** The office as an Express application: every route says what it requires. Opens no port; who may do what is in policies/office. */
import { fileURLToPath } from 'node:url'
import type { Client } from 'castellan/client'
import type { TokenVerifier } from 'castellan/client/token'
import express, { type Express } from 'express'
import { departmentRoutes } from './departments.ts'
import { errorPages, ownProblems } from './error-pages.ts'
import { type Guard, openGuard } from './guard.ts'
import { openBooks } from './ledger.ts'
import { loginRoutes } from './login.ts'
import type { Permission } from './permissions.ts'
import { refuseForeignForms, securityHeaders } from './security.ts'
import { Sessions } from './sessions.ts'

export interface OfficeSettings {
  readonly client: Client<Permission>
  readonly verifier: TokenVerifier
  /** Of the login service, such as http://127.0.0.1:8081. */
  readonly issuer: string
  /** Where browsers find this application, without a slash at the end. */
  readonly origin: string
  readonly tenant: string
}

const ASSETS = fileURLToPath(new URL('assets', import.meta.url))

export function openOffice(settings: OfficeSettings): { readonly app: Express; readonly guard: Guard } {
  const sessions = new Sessions(Date.now)
  const guard = openGuard(settings.client, sessions)
  const start = `${settings.issuer}/login?${new URLSearchParams({
    clientId: 'office',
    redirectUri: `${settings.origin}/signed-in`,
    tenant: settings.tenant,
  })}`
  const frame = { issuer: settings.issuer, start }

  const app = express()
  app.disable('x-powered-by')
  app.use(securityHeaders(settings.issuer), refuseForeignForms(settings.origin))
  app.use('/assets', guard.require.public('Style and scripts are the same for everybody'), express.static(ASSETS))
  app.use(loginRoutes({ guard, sessions, frame, verifier: settings.verifier }))
  app.use(departmentRoutes({ guard, sessions, frame, client: settings.client, books: openBooks() }))
  app.use(errorPages(frame), guard.errorHandler(), ownProblems())
  return { app, guard }
}
