/** init, codegen: what a team writes once, and what is generated for its code. Floor 6. */
import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

export function addScaffoldCommands(_program: Command, _terminal: Terminal): void {}
