/** Loaded into a process by --import: writes the address of each module that it loads from a package to the file that MODULES_FILE names. */
import { appendFileSync } from 'node:fs'
import Module, { register } from 'node:module'

register(
  `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync } from 'node:fs'
    export async function load(url, context, next) {
      if (url.includes('/node_modules/')) appendFileSync(process.env.MODULES_FILE, url + '\\n')
      return next(url, context)
    }`)}`,
)
// What CommonJS loads of itself goes another way.
const loadFile = Module._load
Module._load = function (request, parent, isMain) {
  try {
    const file = Module._resolveFilename(request, parent, isMain)
    if (file.includes('/node_modules/')) appendFileSync(process.env.MODULES_FILE, `${file}\n`)
  } catch {
    // Tried by whoever can do without it.
  }
  return loadFile.call(this, request, parent, isMain)
}
