/** What the pages of the departments show. Every button is there for everybody: the point is to see who may press it. */
import { type Html, html } from '../html.ts'
import { type Payout, type Quote, REGIONS, type Ticket } from '../ledger.ts'
import { button } from './layout.ts'

export function home(tenant: string): Html {
  return html`<p>You are at ${tenant}. The menu shows the pages that you may open. Try the others too:</p>
<ul><li><a href="/sales">Sales</a></li><li><a href="/finance">Finance</a></li><li><a href="/agents">Agents</a></li><li><a href="/reports">Reports</a></li></ul>`
}

export function sales(quotes: readonly Quote[]): Html {
  return html`<table><thead><tr><th>Customer</th><th>Amount</th><th>Discount</th><th>Region</th><th>By</th><th>State</th><th></th></tr></thead><tbody>${quotes.map(
    (
      quote,
    ) => html`<tr><td>${quote.customer}</td><td>${quote.amount}</td><td>${quote.discountPercent} %</td><td>${quote.region}</td><td>${quote.createdBy}</td><td>${quote.state}</td>
<td>${button(`/sales/quotes/${quote.id}/send`, 'Send')}${button(`/sales/quotes/${quote.id}/approve`, 'Approve')}</td></tr>
`,
  )}</tbody></table>
<h2>New quote</h2>
<form class="new" method="post" action="/sales/quotes">
<label>Customer <input name="customer" required maxlength="80"></label>
<label>Amount <input name="amount" type="number" min="1" max="10000000" required></label>
<label>Discount, % <input name="discountPercent" type="number" min="0" max="100" value="0" required></label>
<label>Region <select name="region">${REGIONS.map((region) => html`<option>${region}</option>`)}</select></label>
<button>Write</button></form>`
}

export function finance(payouts: readonly Payout[]): Html {
  return html`<table><thead><tr><th>Payee</th><th>Amount</th><th>By</th><th>State</th><th></th></tr></thead><tbody>${payouts.map(
    (payout) => html`<tr><td>${payout.payee}</td><td>${payout.amount}</td><td>${payout.createdBy}</td><td>${payout.state}</td>
<td>${button(`/finance/payouts/${payout.id}/approve`, 'Release')}</td></tr>
`,
  )}</tbody></table>
<h2>New payout</h2>
<form class="new" method="post" action="/finance/payouts">
<label>Payee <input name="payee" required maxlength="80"></label>
<label>Amount <input name="amount" type="number" min="1" max="10000000" required></label>
<button>Prepare</button></form>`
}

export function agents(tickets: readonly Ticket[]): Html {
  return html`<table><thead><tr><th>Subject</th><th>Languages</th><th>State</th><th></th></tr></thead><tbody>${tickets.map(
    (ticket) => html`<tr><td>${ticket.subject}</td><td>${ticket.languages.join(', ')}</td><td>${ticket.state}</td>
<td>${button(`/agents/tickets/${ticket.id}/answer`, 'Answer')}${button(`/agents/tickets/${ticket.id}/close`, 'Close')}</td></tr>
`,
  )}</tbody></table>`
}

export function reports(quotes: readonly Quote[], payouts: readonly Payout[]): Html {
  const sum = (rows: readonly { readonly amount: number }[]) => rows.reduce((total, { amount }) => total + amount, 0)
  return html`<dl><dt>Quoted</dt><dd>${sum(quotes)}</dd><dt>Paid out</dt><dd>${sum(payouts.filter(({ state }) => state === 'released'))}</dd></dl>`
}
