/** What the office works with: quotes, payouts, tickets; in memory. Knows nothing of who may do what. */

export const REGIONS = ['north', 'south', 'west', 'east'] as const
export type Region = (typeof REGIONS)[number]

export interface Quote {
  readonly id: string
  readonly customer: string
  readonly amount: number
  readonly discountPercent: number
  readonly region: Region
  readonly createdBy: string
  readonly state: 'draft' | 'approved' | 'sent'
}

export interface Payout {
  readonly id: string
  readonly payee: string
  readonly amount: number
  readonly createdBy: string
  readonly state: 'prepared' | 'released'
}

export interface Ticket {
  readonly id: string
  readonly subject: string
  readonly languages: readonly string[]
  readonly assignedTo: string
  readonly state: 'open' | 'answered' | 'closed'
}

/** Whoever runs the example for long makes no more than this; the oldest go. */
const KEPT_MAX = 500

export class Ledger<Record extends { readonly id: string }> {
  readonly #records = new Map<string, Record>()
  readonly #prefix: string
  #last = 0

  constructor(prefix: string, records: readonly Omit<Record, 'id'>[]) {
    this.#prefix = prefix
    for (const record of records) this.add(record)
  }

  add(record: Omit<Record, 'id'>): Record {
    this.#last += 1
    const added = { ...record, id: `${this.#prefix}-${this.#last}` } as Record
    this.#records.set(added.id, added)
    const [oldest] = this.#records.keys()
    if (this.#records.size > KEPT_MAX && oldest !== undefined) this.#records.delete(oldest)
    return added
  }

  find(id: string): Record | undefined {
    return this.#records.get(id)
  }

  change(id: string, changes: Partial<Omit<Record, 'id'>>): void {
    const record = this.#records.get(id)
    if (record !== undefined) this.#records.set(id, { ...record, ...changes })
  }

  /** Latest first. */
  list(): readonly Record[] {
    return [...this.#records.values()].reverse()
  }
}

export interface Books {
  readonly quotes: Ledger<Quote>
  readonly payouts: Ledger<Payout>
  readonly tickets: Ledger<Ticket>
}

/** Something of everything to begin with, so that each button has something to do. */
export function openBooks(): Books {
  return {
    quotes: new Ledger<Quote>('q', [
      { customer: 'Harbour Hotel', amount: 4_200, discountPercent: 5, region: 'north', createdBy: 'ann', state: 'draft' },
      { customer: 'City Library', amount: 25_000, discountPercent: 0, region: 'west', createdBy: 'ann', state: 'draft' },
      { customer: 'Southern Rail', amount: 8_000, discountPercent: 0, region: 'south', createdBy: 'sue', state: 'draft' },
    ]),
    payouts: new Ledger<Payout>('p', [
      { payee: 'Paper & Ink Ltd', amount: 310, createdBy: 'cleo', state: 'prepared' },
      { payee: 'Window Cleaners', amount: 95, createdBy: 'abe', state: 'prepared' },
    ]),
    tickets: new Ledger<Ticket>('t', [
      { subject: 'The invoice has the wrong date', languages: ['en'], assignedTo: 'ada', state: 'open' },
      { subject: 'Où est ma commande ?', languages: ['fr'], assignedTo: 'ada', state: 'open' },
    ]),
  }
}
