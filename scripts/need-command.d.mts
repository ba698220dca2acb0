/** Types of need-command.mjs, for TypeScript that uses it. */
export function runs(command: string, ...args: readonly string[]): boolean
export function needCommand(what: string, present: () => boolean, packages: Readonly<Record<string, string>>): string | undefined
