/** policy plan, publish, activate, rollback, and who answers by what. Floor 6. */
import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

export function addPolicyReleaseCommands(_group: Command, _terminal: Terminal): void {}
