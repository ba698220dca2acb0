/** Text of any origin as Markdown that shows it and obeys nothing in it: no mention, link, HTML, cell or end of a block. Pure. Floor 6. */
import { plain } from './command-line/terminal.ts'

/** Nothing in a code span means anything; addresses and mentions are links everywhere else. */
export function codeSpan(text: string): string {
  const safe = plain(text)
  const fence = fenceAround(safe, 1)
  if (safe === '') return ''
  return fence === '`' ? `\`${safe}\`` : `${fence} ${safe} ${fence}`
}

/** A table ends its cells at this sign before it looks for code spans, and takes the stroke before it away. */
export function tableCell(markdown: string): string {
  return markdown.replaceAll('|', '\\|')
}

/** Backticks, more than the text has in any one place: what a file says cannot leave them. */
export function fenceAround(text: string, countMin: number): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  return '`'.repeat(Math.max(countMin, longest + 1))
}
