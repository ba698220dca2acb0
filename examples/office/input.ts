/** What people type, read strictly. Throws what error-pages.ts shows. */
import type { Request } from 'express'
import { REGIONS, type Region } from './ledger.ts'

export class BadInput extends Error {}
export class NotFound extends Error {}

const TEXT_CHARACTERS_MAX = 80
/** More than any quote of this office; also keeps sums exact. */
const AMOUNT_MAX = 10_000_000

export function readText(request: Request, field: string): string {
  const text = fieldOf(request, field).trim()
  if (text === '' || text.length > TEXT_CHARACTERS_MAX) throw new BadInput(`${field}: 1 to ${TEXT_CHARACTERS_MAX} characters, please.`)
  return text
}

export function readAmount(request: Request, field: string): number {
  return readNumber(request, field, 1, AMOUNT_MAX)
}

export function readPercent(request: Request, field: string): number {
  return readNumber(request, field, 0, 100)
}

export function readRegion(request: Request, field: string): Region {
  const text = fieldOf(request, field)
  const region = REGIONS.find((known) => known === text)
  if (region === undefined) throw new BadInput(`${field}: one of ${REGIONS.join(', ')}, please.`)
  return region
}

function readNumber(request: Request, field: string, least: number, most: number): number {
  const text = fieldOf(request, field)
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= least && value <= most)) throw new BadInput(`${field}: a number from ${least} to ${most}, please.`)
  return value
}

/** A field that comes twice is a list, and none of ours is. */
function fieldOf(request: Request, field: string): string {
  const body: unknown = request.body
  const value =
    typeof body === 'object' && body !== null && Object.hasOwn(body, field) ? (body as Record<string, unknown>)[field] : undefined
  if (typeof value !== 'string') throw new BadInput(`${field} is missing.`)
  return value
}
