/** The folder of policy files that a command takes when none is named. Floor 6. */
export const POLICY_FOLDER_DEFAULT = './policies'
