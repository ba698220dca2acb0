/**
 * Sees to it that the tests find a redis-server. When it cannot, it says what to do and no more: the tests that need Redis fail then, each with the
 * same reason.
 */
import { needCommand, runs } from './need-command.mjs'

const present = () => runs('redis-server', '--version') && runs('redis-cli', '--version')
const fault = needCommand('redis-server', present, { 'apt-get': 'redis-server', dnf: 'redis', apk: 'redis', brew: 'redis' })
if (fault !== undefined)
  console.error(
    `\nNo redis-server: ${fault}. Tests that need it will fail. Install Redis 6 or newer, with redis-server and redis-cli on the PATH ` +
      '(the package is redis-server on Debian and Ubuntu, redis elsewhere).\n',
  )
