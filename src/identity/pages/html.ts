/** Text → HTML, and the frame that all pages share. Floor 5. */
import { LOCALES, type Locale } from '../../model/identity.ts'
import { PAGE_TEXTS } from './texts.ts'

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}

export interface Frame {
  readonly locale: Locale
  readonly title: string
  /** Path of this page, for the change of language; absent: it has one language. */
  readonly path?: string
  readonly script?: string
  /** HTML. */
  readonly main: string
}

/** @param frame `main` is HTML already, everything else is text */
export function pageOf({ locale, title, path, script, main }: Frame): string {
  const texts = PAGE_TEXTS[locale]
  return `<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/login/assets/page.css">
${script === undefined ? '' : `<script type="module" src="/login/assets/${script}"></script>`}
</head>
<body>
<main>
${main}
<p id="status" role="status" aria-live="polite"></p>
<p id="problem" role="alert" class="problem"></p>
<noscript><p class="problem">${escapeHtml(texts.needsScript)}</p></noscript>
</main>
${path === undefined ? '' : languages(locale, path)}
</body>
</html>
`
}

function languages(current: Locale, path: string): string {
  const links = LOCALES.filter((locale) => locale !== current).map(
    (locale) =>
      `<a class="language" lang="${locale}" hreflang="${locale}" href="${path}?locale=${locale}">${escapeHtml(PAGE_TEXTS[locale].languageName)}</a>`,
  )
  return `<footer>${links.join(' ')}</footer>`
}

/** Words that a script shows when it comes to it. */
export function messages(entries: Readonly<Record<string, string>>): string {
  const attributes = Object.entries(entries).map(([name, text]) => `data-${name}="${escapeHtml(text)}"`)
  return `<div id="messages" hidden ${attributes.join(' ')}></div>`
}

/** For the choice of a tenant, filled by the script. */
export function tenantChoice(locale: Locale): string {
  return `<fieldset id="tenants" hidden><legend>${escapeHtml(PAGE_TEXTS[locale].tenants)}</legend></fieldset>`
}
