/** Loaded into a process by --import: writes the address of each module that it loads to its standard output. Reads TypeScript as it stands. */
import { register } from 'node:module'
import '../../chaos/typescript.mjs'

register(
  `data:text/javascript,${encodeURIComponent(`
    import { writeSync } from 'node:fs'
    export async function load(url, context, next) {
      writeSync(1, url + '\\n')
      return next(url, context)
    }`)}`,
)
