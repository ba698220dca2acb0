/**
 * Sees to it that the tests find a Chromium to open the login pages with. When it cannot, it says what to do and no more: the tests of the pages fail
 * then, with the same reason.
 */
import { needCommand, runs } from './need-command.mjs'

/** As test/support/browser.ts looks for them. */
const present = () => ['chromium', 'chromium-browser', 'google-chrome'].some((name) => runs(name, '--version'))
const fault = needCommand('chromium', present, { 'apt-get': 'chromium', dnf: 'chromium', apk: 'chromium', brew: 'chromium' })
if (fault !== undefined)
  console.error(
    `\nNo Chromium: ${fault}. Tests of the login pages will fail. Install it as chromium, chromium-browser or google-chrome on the PATH.\n`,
  )
