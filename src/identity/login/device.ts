/** A user agent in a few words that a person knows their device by. A guess to be shown, never a proof. Floor 5. */
import { USER_AGENT_CHARACTERS_MAX } from '../../model/identity-limits.ts'

/** In this order: most name themselves as others too. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/.*Safari\//, 'Safari'],
  [/^curl\//, 'curl'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

/** What is kept of a user agent: its beginning, as text that every database takes. */
export function cutAgent(agent: string | undefined): string | null {
  if (agent === undefined) return null
  const text = agent
    .slice(0, USER_AGENT_CHARACTERS_MAX)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '')
  return text === '' ? null : text
}

/** Such as `Firefox, Windows`. Words of ours only: what a visitor wrote into their user agent reaches no mail and no page. */
export function describeDevice(agent: string | null): string | undefined {
  if (agent === null) return undefined
  const words = [BROWSERS, SYSTEMS].flatMap((names) => names.find(([pattern]) => pattern.test(agent))?.[1] ?? [])
  return words.length === 0 ? undefined : words.join(', ')
}
