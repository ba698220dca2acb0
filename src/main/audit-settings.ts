/** Settings of the audit's checkpoints. Its table is a part of setting-table.ts. Floor 6. */
import { defaultedSetting, optionalSetting } from '../ground/settings.ts'
import { auditKey, wholeNumber } from './setting-forms.ts'

export const auditSettings = {
  auditKey: optionalSetting({
    name: 'CASTELLAN_AUDIT_KEY',
    meaning:
      'Private key that signs checkpoints of the audit trail, the same for all replicas: with a checkpoint that was kept elsewhere, nobody can rewrite or cut what was before it unseen. `openssl genpkey -algorithm ed25519` makes one; `castellan audit key` prints its public half, for who verifies.',
    accepts: 'a PKCS#8 key in PEM: Ed25519, or P-256',
    schema: auditKey,
    fallbackMeaning: 'none: records are chained, and no checkpoints are made; `castellan dev` makes a key',
    secret: true,
  }),
  auditCheckpointMinutes: defaultedSetting({
    name: 'CASTELLAN_AUDIT_CHECKPOINT_MINUTES',
    meaning: 'How often a checkpoint of the audit trail is signed, when something new was written. It is a row and a line of the log.',
    accepts: 'whole minutes, 1 to 1440',
    schema: wholeNumber(1, 1_440),
    fallback: '5',
  }),
} as const
