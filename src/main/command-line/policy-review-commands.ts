/** policy diff, lint, codes: what policy files say and how two versions differ. Floor 6. */
import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

export function addPolicyReviewCommands(_group: Command, _terminal: Terminal): void {}
