/**
 * Names of permissions and roles. Generated, do not edit: castellan codegen.
 * From policy revision 0679b51dc517bfb4d21cb3fb81b13a7edd7502e3c915eb9abc2de4f41641ca6c
 */

/** Every permission, by its full name. */
export type Permission =
  /** Open the agents' desk */
  | 'agents.desk.view'
  /** Answer a ticket */
  | 'agents.ticket.answer'
  /** Close a ticket */
  | 'agents.ticket.close'
  /** Read tickets */
  | 'agents.ticket.read'
  /** Write an invoice */
  | 'finance.invoice.create'
  /** Read invoices */
  | 'finance.invoice.read'
  /** Open the finance pages */
  | 'finance.page.view'
  /** Release a payout */
  | 'finance.payout.approve'
  /** Prepare a payout */
  | 'finance.payout.create'
  /** Read payouts */
  | 'finance.payout.read'
  /** Schedule payouts */
  | 'finance.payout.schedule'
  /** Read financial reports */
  | 'finance.report.read'
  /** Change customers */
  | 'sales.customer.edit'
  /** Read customers */
  | 'sales.customer.read'
  /** Open the sales pages */
  | 'sales.page.view'
  /** Approve a quote */
  | 'sales.quote.approve'
  /** Write a quote */
  | 'sales.quote.create'
  /**
   * Export quotes as a file
   * @deprecated since 2026-09-01, to be removed after 2027-03-01, replaced by sales.report.download
   */
  | 'sales.quote.export'
  /** Read quotes */
  | 'sales.quote.read'
  /** Send a quote to a customer */
  | 'sales.quote.send'
  /** Download sales reports */
  | 'sales.report.download'

export const PERMISSIONS = [
  'agents.desk.view',
  'agents.ticket.answer',
  'agents.ticket.close',
  'agents.ticket.read',
  'finance.invoice.create',
  'finance.invoice.read',
  'finance.page.view',
  'finance.payout.approve',
  'finance.payout.create',
  'finance.payout.read',
  'finance.payout.schedule',
  'finance.report.read',
  'sales.customer.edit',
  'sales.customer.read',
  'sales.page.view',
  'sales.quote.approve',
  'sales.quote.create',
  'sales.quote.export',
  'sales.quote.read',
  'sales.quote.send',
  'sales.report.download',
] as const satisfies readonly Permission[]

export type Role =
  | 'agent'
  | 'director'
  | 'finance-approver'
  | 'finance-clerk'
  | 'finance-cover'
  | 'sales-manager'
  | 'salesperson'

export const ROLES = [
  'agent',
  'director',
  'finance-approver',
  'finance-clerk',
  'finance-cover',
  'sales-manager',
  'salesperson',
] as const satisfies readonly Role[]

/** The short name of each permission, as it travels in tokens. */
export const PERMISSION_CODES = {
  'agents.desk.view': 'a.dv',
  'agents.ticket.answer': 'a.t.a',
  'agents.ticket.close': 'a.t.c',
  'agents.ticket.read': 'a.t.r',
  'finance.invoice.create': 'f.i.c',
  'finance.invoice.read': 'f.i.r',
  'finance.page.view': 'f.pv',
  'finance.payout.approve': 'f.p.a',
  'finance.payout.create': 'f.p.c',
  'finance.payout.read': 'f.p.r',
  'finance.payout.schedule': 'f.p.s',
  'finance.report.read': 'f.r.r',
  'sales.customer.edit': 's.c.e',
  'sales.customer.read': 's.c.r',
  'sales.page.view': 's.pv',
  'sales.quote.approve': 's.q.a',
  'sales.quote.create': 's.q.c',
  /**
   * Export quotes as a file
   * @deprecated since 2026-09-01, to be removed after 2027-03-01, replaced by sales.report.download
   */
  'sales.quote.export': 's.q.x',
  'sales.quote.read': 's.q.r',
  'sales.quote.send': 's.q.s',
  'sales.report.download': 's.r.d',
} as const satisfies Readonly<Record<Permission, string>>
