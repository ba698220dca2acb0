/** What was measured as a drawing (SVG) for README.md: a bar for each contender, as long as its rate. Pure; reads and writes nothing. */
import type { BenchResult, Role, WorkloadResult } from './report.ts'

/** In pixels of a drawing that may be scaled. */
const WIDTH = 860
const NAME_WIDTH = 190
const LABEL_WIDTH = 190
const BAR_MAX = WIDTH - NAME_WIDTH - LABEL_WIDTH
const MARGIN = 16
const ROW = 22
const BAR = 14
const TITLE = 30
const GAP = 12
/** A bar that rounds to nothing is still seen to be there. */
const BAR_MIN = 1

/** Text and bars take their colours from the reader's: the file is shown on white pages and on dark ones. */
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 } .note { font-size: 11px; fill: #57606a }
.ours { fill: #0969da } .peer { fill: #8250df } .floor { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .note { fill: #8d96a0 }
.ours { fill: #4493f8 } .peer { fill: #ab7df8 } .floor { fill: #57606a }
}`

/** Workloads with somebody to compare with: a peer over a wire, or libraries in one process. */
export function chartSvg(result: BenchResult): string {
  const groups = result.workloads.filter(isCompared)
  const parts: string[] = []
  let y = MARGIN
  for (const group of groups) {
    parts.push(text(MARGIN, y + 16, `${group.title}, ${group.unit}`, 'title'))
    y += TITLE
    const most = Math.max(...group.summaries.map(({ median }) => median))
    for (const summary of group.summaries) {
      const width = Math.max(BAR_MIN, (BAR_MAX * summary.median) / most)
      const role = roleOf(group, summary.name)
      const bar = `<rect class="${role}" x="${NAME_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`
      parts.push(text(MARGIN, y + 11, summary.name), bar, text(NAME_WIDTH + width + 8, y + 11, labelOf(group, summary)))
      y += ROW
    }
    y += GAP
  }
  const { cpu, node } = result.machine
  parts.push(
    text(
      MARGIN,
      y + 10,
      `Each server on one core of an ${cpu}, Node ${node}, ${result.at.slice(0, 10)}. Longer is better; read the ratios.`,
      'note',
    ),
  )
  const height = y + 10 + MARGIN
  const said = groups.map(
    ({ title, summaries }) => `${title}: ${summaries.map(({ name, median }) => `${name} ${rate(median)}`).join(', ')}.`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Castellan beside its peers and the floors</title>',
    `<desc>${xmlText(said.join(' '))}</desc>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function isCompared({ roles, summaries }: WorkloadResult): boolean {
  return summaries.length > 1 && (roles === undefined || Object.values(roles).includes('peer'))
}

/** In one process the first is ours, and all others are peers. */
function roleOf({ roles, summaries }: WorkloadResult, name: string): Role {
  return roles?.[name] ?? (name === summaries[0]?.name || name.startsWith('castellan') ? 'ours' : 'peer')
}

/** The rate, and of others how many times as much ours is. */
function labelOf({ summaries }: WorkloadResult, { name, median }: WorkloadResult['summaries'][number]): string {
  const [first] = summaries
  if (first === undefined || name === first.name) return rate(median)
  const times = first.median / median
  return `${rate(median)} (ours ${times >= 10 ? Math.round(times) : times.toPrecision(2)} ×)`
}

function rate(perSecond: number): string {
  return Math.round(perSecond)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ')
}

function text(x: number, y: number, words: string, kind?: string): string {
  return `<text${kind === undefined ? '' : ` class="${kind}"`} x="${x.toFixed(0)}" y="${y}">${xmlText(words)}</text>`
}

/** What XML would take for something else, and the control characters that it does not have. */
function xmlText(words: string): string {
  return words
    .replace(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
