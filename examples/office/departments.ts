/** The pages and buttons of the departments. Each route begins with what it requires; handlers only do their work. */
import { type Client, UnauthenticatedError } from 'castellan/client'
import express, { type Request, type RequestHandler, type Response, Router } from 'express'
import type { Guard } from './guard.ts'
import type { Part } from './html.ts'
import { NotFound, readAmount, readPercent, readRegion, readText } from './input.ts'
import type { Books } from './ledger.ts'
import * as pages from './pages/departments.ts'
import { type Frame, page } from './pages/layout.ts'
import type { Permission } from './permissions.ts'
import type { Session, Sessions } from './sessions.ts'

export interface DepartmentNeeds {
  readonly guard: Guard
  readonly sessions: Sessions
  readonly frame: Pick<Frame, 'issuer' | 'start'>
  readonly client: Client<Permission>
  readonly books: Books
}

/** By the permission that opens the page. */
const MENU: readonly { readonly permission: Permission; readonly path: string; readonly title: string }[] = [
  { permission: 'sales.page.view', path: '/sales', title: 'Sales' },
  { permission: 'finance.page.view', path: '/finance', title: 'Finance' },
  { permission: 'agents.desk.view', path: '/agents', title: 'Agents' },
  { permission: 'finance.report.read', path: '/reports', title: 'Reports' },
]
const form: RequestHandler = express.urlencoded({ extended: false, limit: '10kb', parameterLimit: 20 })

export function departmentRoutes({ guard, sessions, frame, client, books }: DepartmentNeeds): Router {
  const { require } = guard
  const { quotes, payouts, tickets } = books
  const routes = Router()

  async function show(request: Request, response: Response, title: string, main: (session: Session) => Part): Promise<void> {
    const session = personOf(request, sessions)
    // A menu is a convenience: what counts is asked again by each route.
    const { permissions } = await client.listPermissions({ user: session.user, tenant: session.tenant })
    const held = new Set(permissions.map(({ permission }) => permission))
    const menu = MENU.filter(({ permission }) => held.has(permission))
    response.send(page({ ...frame, title, user: session.user, menu }, main(session)))
  }

  routes.get('/', require.any('sales.page.view', 'finance.page.view', 'agents.desk.view'), (request, response) =>
    show(request, response, 'Welcome', ({ tenant }) => pages.home(tenant)),
  )

  routes.get('/sales', require.all('sales.page.view', 'sales.quote.read'), (request, response) =>
    show(request, response, 'Sales', () => pages.sales(quotes.list())),
  )
  routes.post('/sales/quotes', require('sales.quote.create'), form, (request, response) => {
    quotes.add({
      customer: readText(request, 'customer'),
      amount: readAmount(request, 'amount'),
      discountPercent: readPercent(request, 'discountPercent'),
      region: readRegion(request, 'region'),
      createdBy: personOf(request, sessions).user,
      state: 'draft',
    })
    response.redirect(303, '/sales')
  })
  const quote = (request: Request) => found(quotes.find(String(request.params['id'])), 'quote')
  // What the policy's conditions speak of, and no more: the customer is nobody's business there.
  const aboutQuote = (request: Request) => {
    const { id, amount, discountPercent, region, createdBy } = quote(request)
    return { id, amount, discountPercent, region, createdBy }
  }
  routes.post('/sales/quotes/:id/send', require('sales.quote.send', { resource: aboutQuote }), (request, response) => {
    quotes.change(quote(request).id, { state: 'sent' })
    response.redirect(303, '/sales')
  })
  routes.post('/sales/quotes/:id/approve', require('sales.quote.approve', { resource: aboutQuote }), (request, response) => {
    quotes.change(quote(request).id, { state: 'approved' })
    response.redirect(303, '/sales')
  })

  routes.get('/finance', require.all('finance.page.view', 'finance.payout.read'), (request, response) =>
    show(request, response, 'Finance', () => pages.finance(payouts.list())),
  )
  routes.post('/finance/payouts', require('finance.payout.create'), form, (request, response) => {
    const createdBy = personOf(request, sessions).user
    payouts.add({ payee: readText(request, 'payee'), amount: readAmount(request, 'amount'), createdBy, state: 'prepared' })
    response.redirect(303, '/finance')
  })
  const payout = (request: Request) => found(payouts.find(String(request.params['id'])), 'payout')
  const aboutPayout = (request: Request) => {
    const { id, amount, createdBy } = payout(request)
    return { id, amount, createdBy }
  }
  routes.post('/finance/payouts/:id/approve', require('finance.payout.approve', { resource: aboutPayout }), (request, response) => {
    payouts.change(payout(request).id, { state: 'released' })
    response.redirect(303, '/finance')
  })

  routes.get('/agents', require.all('agents.desk.view', 'agents.ticket.read'), (request, response) =>
    show(request, response, 'Agents', () => pages.agents(tickets.list())),
  )
  const ticket = (request: Request) => found(tickets.find(String(request.params['id'])), 'ticket')
  const aboutTicket = (request: Request) => {
    const { id, languages, assignedTo } = ticket(request)
    return { id, languages, assignedTo }
  }
  routes.post('/agents/tickets/:id/answer', require('agents.ticket.answer', { resource: aboutTicket }), (request, response) => {
    tickets.change(ticket(request).id, { state: 'answered' })
    response.redirect(303, '/agents')
  })
  routes.post('/agents/tickets/:id/close', require('agents.ticket.close'), (request, response) => {
    tickets.change(ticket(request).id, { state: 'closed' })
    response.redirect(303, '/agents')
  })

  routes.get('/reports', require.any('sales.report.download', 'finance.report.read'), (request, response) =>
    show(request, response, 'Reports', () => pages.reports(quotes.list(), payouts.list())),
  )
  return routes
}

/** The guard was there before: there is a session, unless it ended in this very moment. */
function personOf(request: Request, sessions: Sessions): Session {
  const session = sessions.find(request)
  if (session === undefined) throw new UnauthenticatedError('The session has ended', { code: 'credentials_missing' })
  return session
}

function found<T extends object>(record: T | undefined, what: string): T {
  if (record === undefined) throw new NotFound(`There is no such ${what}.`)
  return record
}
