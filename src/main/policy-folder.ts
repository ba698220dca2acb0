/** Reads the policy folder at start: its faults come in words that name the folder and the setting to change. Floor 6. */
import { resolve } from 'node:path'
import { AppError } from '../ground/errors.ts'
import type { Caller } from '../model/caller.ts'
import { formatFault, isError, PolicyError } from '../policy/faults.ts'
import { type PolicyFiles, readPolicyFiles } from '../policy/load.ts'

/** Who activates what lies in a folder: nobody called, the files are there. */
export const FOLDER: Caller = { id: 'system', name: 'system', scopes: [], tenants: null, builtIn: true }

/** No policy can be served: the files are refused, and none is stored that was good. */
export class PolicyFolderError extends AppError<'policy_folder_refused'> {
  constructor(directory: string, { faults }: PolicyError) {
    const folder = resolve(directory)
    const errors = faults.filter(isError)
    const whole = errors.some((fault) => fault.file === '.')
    super(
      'policy_folder_refused',
      `No policy to serve: the policy folder ${folder} is refused, errors: ${errors.length}\n${faults.map(formatFault).join('\n')}`,
      'The policy folder was refused.',
      { hint: whole ? 'Set CASTELLAN_POLICIES to the folder of the policy files.' : `Repair them: castellan policy validate ${folder}` },
    )
  }
}

/** Runs `open`. @throws PolicyFolderError in place of PolicyError; every other fault as it is */
export async function openingPolicies<T>(directory: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (fault) {
    throw fault instanceof PolicyError ? new PolicyFolderError(directory, fault) : fault
  }
}

/** @throws PolicyFolderError when files that can be read make no policy */
export async function readPolicies(directory: string): Promise<PolicyFiles> {
  return await openingPolicies(directory, () => readPolicyFiles(directory))
}
