/** Loaded into a process by --import: writes the address of each module of OpenTelemetry that it loads to the file that MODULES_FILE names. */
import { appendFileSync } from 'node:fs'
import Module, { register } from 'node:module'

register(
  `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync } from 'node:fs'
    export async function load(url, context, next) {
      if (url.includes('@opentelemetry')) appendFileSync(process.env.MODULES_FILE, url + '\\n')
      return next(url, context)
    }`)}`,
)
// What CommonJS loads of itself goes another way.
const loadFile = Module._load
Module._load = function (request, ...rest) {
  if (request.includes('@opentelemetry')) appendFileSync(process.env.MODULES_FILE, `${request}\n`)
  return loadFile.call(this, request, ...rest)
}
