/** The language of a page: as asked for, otherwise as the browser prefers. Floor 5. */
import { LOCALES, type Locale } from '../../model/identity.ts'

const HEADER_CHARACTERS_MAX = 512

/** @param asked value of `?locale=` @param acceptLanguage RFC 9110, 12.5.4; what is malformed is as good as not there */
export function localeOf(asked: string | undefined, acceptLanguage: string | undefined): Locale {
  const named = LOCALES.find((locale) => locale === asked)
  if (named !== undefined) return named
  let best: { readonly locale: Locale; readonly weight: number } | undefined
  for (const part of (acceptLanguage ?? '').slice(0, HEADER_CHARACTERS_MAX).split(',')) {
    const match = /^\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*$/.exec(part)
    const locale = LOCALES.find((known) => known === match?.[1]?.toLowerCase())
    const weight = Number(match?.[2] ?? '1')
    if (locale !== undefined && weight > (best?.weight ?? 0)) best = { locale, weight }
  }
  return best?.locale ?? 'en'
}
