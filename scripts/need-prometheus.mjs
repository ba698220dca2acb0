/**
 * Sees to it that the tests find Prometheus and its promtool. When it cannot, it says what to do and no more: the tests that need them fail then, each
 * with the same reason.
 */
import { needCommand, runs } from './need-command.mjs'

const present = () => runs('prometheus', '--version') && runs('promtool', '--version')
const fault = needCommand('prometheus', present, { 'apt-get': 'prometheus', dnf: 'prometheus', apk: 'prometheus', brew: 'prometheus' })
if (fault !== undefined)
  console.error(
    `\nNo Prometheus: ${fault}. Tests that need it will fail. Install Prometheus 2.40 or newer, with prometheus and promtool on the PATH.\n`,
  )
