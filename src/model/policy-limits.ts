/** Limits of policies: of their files, of publishing and planning, of what is told about them; each with its reason. Floor 1. */

/** All policy files together, in bytes, and their number: a bundle is read whole into memory. */
export const POLICY_BYTES_MAX = 16_777_216
export const POLICY_FILES_MAX = 2_000
/** One policy file, in bytes: reading YAML costs about two seconds a mebibyte at worst, and reading must not stop a service for long. */
export const POLICY_FILE_BYTES_MAX = 2_097_152
/** Files and folders of any kind below a policy directory: each costs a look, and a directory named by mistake may be a whole disk. */
export const POLICY_ENTRIES_MAX = 20_000
/** Folders inside each other below a policy directory: ends a loop of links. */
export const POLICY_FOLDER_DEPTH_MAX = 16
/** Documents in one policy file. */
export const POLICY_DOCUMENTS_MAX = 1_000
/** Nesting of a policy file: the formats need 8; the YAML composer is recursive and dies of thousands. */
export const POLICY_NESTING_MAX = 64
/** Aliases in one policy file, and nodes after they are followed: ends a "billion laughs". */
export const POLICY_ALIASES_MAX = 100
export const POLICY_NODES_MAX = 500_000
/** Values that aliases repeat, in all policy files together: with them some kilobytes could become any number. */
export const POLICY_ALIASED_NODES_MAX = 50_000
/** Faults of one reading that are kept: more help nobody and fill logs. */
export const POLICY_FAULTS_MAX = 1_000
/** Faults of each severity that a reading collects before it sorts them and keeps the first, and how many of them get a "did you mean". */
export const POLICY_FAULTS_COLLECTED_MAX = 10_000
export const POLICY_FAULTS_SUGGESTED_MAX = 500
/** Permissions that one fault names, and differences of one failed test: beyond it, how many more there are. */
export const FAULT_NAMES_MAX = 20
/** Permissions of a bundle: a resolved set and a token budget are sized for it. */
export const PERMISSIONS_MAX = 10_000
/** Grants of all roles of a bundle, each set counted wherever it is included: real bundles have some thousands, and reading this many takes about a second. */
export const GRANTS_MAX = 100_000
/** Roles of a bundle, and sets. */
export const ROLES_MAX = 2_000
/** Constraints of a bundle: each is looked at with every grant. */
export const CONSTRAINTS_MAX = 500
/** Permissions of all constraints of a bundle: each is looked for in every role. Real ones have two or three each. */
export const CONSTRAINT_PERMISSIONS_MAX = 10_000
/** Steps of all policy tests of a bundle: permissions listed, cases decided, constraints counted for each person. Thousands of usual tests, and two seconds at worst. */
export const POLICY_TEST_STEPS_MAX = 1_000_000
/** Entries of one list in a policy file: permissions of a role or set, values of an operator, patterns of tenants. */
export const POLICY_LIST_MAX = 5_000
/** Attributes that one permission declares or one condition tests. */
export const CONDITION_ATTRIBUTES_MAX = 32
/** Literal values of one `$in`, `$nin` or `$all`. */
export const CONDITION_VALUES_MAX = 200
/** Characters of a permission, role or set name; of a code. */
export const NAME_CHARACTERS_MAX = 128
export const CODE_CHARACTERS_MAX = 16
/** Names of a path below `user.attributes` or `tenant.attributes`. */
export const VARIABLE_DEPTH_MAX = 4
/** Longest window a temporary role can allow, in days: what lasts longer is not temporary. */
export const MAX_GRANT_DAYS_MAX = 366
/** Suggestions remembered per bundle: callers repeat their typing errors. */
export const SUGGESTIONS_KEPT_MAX = 1_000
/** Policies. Characters of a revision's prefix that may stand for it: 32 bits, which no installation's revisions share by chance. */
export const REVISION_PREFIX_CHARACTERS_MIN = 8
/** Bytes of a request that carries policy files, and milliseconds it may take: ten thousand permissions are a megabyte, and some seconds of reading. */
export const POLICY_UPLOAD_BYTES_MAX = 4_194_304
export const POLICY_REQUEST_TIMEOUT_MS = 30_000
/** Milliseconds that a plan may stream: a million holders take minutes, and nobody waits for longer. */
export const PLAN_TIMEOUT_MS = 600_000
/** Milliseconds that a reader who is behind gets to take the error that ends its plan, before its connection is cut. */
export const PLAN_LAST_LINE_WAIT_MS = 1_000
/** Pairs of user and tenant read by one statement of a plan, tenants that its summary names, and items of one streamed event. */
export const PLAN_PAIRS_READ_MAX = 1_000
export const PLAN_TENANTS_MAX = 1_000
export const PLAN_EVENT_ITEMS_MAX = 500
/** Effects after which an event of a plan is sent although it has fewer items: a person can be touched in ten thousand permissions. */
export const PLAN_EVENT_EFFECTS_MAX = 10_000
/** Bytes of the difference in the first event of a plan, as JSON: with its changed roles, and in the wider form of gRPC, below a mebibyte. */
export const PLAN_DIFF_BYTES_MAX = 393_216
/** Tenants that a plan counts one by one, to name those it touches most: some tens of megabytes. */
export const PLAN_TENANTS_COUNTED_MAX = 100_000
/** Single differences of sets of roles that a plan remembers: some tens of megabytes, and more than the sets of most installations together. */
export const PLAN_WEIGHT_KEPT_MAX = 200_000
/** Steps of a plan (an effect found, a rule looked at) before it lets others run: a few milliseconds. */
export const PLAN_STEPS_AT_ONCE_MAX = 20_000
/** Permissions, and roles of each, that the message of one breach names: a rule may name thousands. */
export const PLAN_BREACH_PARTS_MAX = 20
/** Live rows read by one statement of a budget: some tens of milliseconds. */
export const BUDGET_ROWS_READ_MAX = 5_000
/** Distinct sets of roles that a budget tells apart by their digests, to count them: some ten megabytes. */
export const BUDGET_COMBINATIONS_COUNTED_MAX = 100_000
/** Reasons that one refusing gate names: the plan beside it has them all. */
export const GATE_EXAMPLES_MAX = 10
/** Characters of the author and of the commit of a revision; its message may have TEXT_CHARACTERS_MAX. */
export const REVISION_ORIGIN_CHARACTERS_MAX = 200
/** Activations that may wait for their time, and how far ahead that may lie, in milliseconds. */
export const ACTIVATIONS_WAITING_MAX = 20
export const ACTIVATION_AHEAD_MS_MAX = 366 * 86_400_000
/** Milliseconds after its time within which an activation is still carried out: later it would surprise. */
export const ACTIVATION_LATE_MS_MAX = 3_600_000
/** Milliseconds by which a time to come may already be over when it arrives: a clock may be behind, and a mistyped year is not now. */
export const ACTIVATION_PAST_MS_MAX = 60_000
/** Milliseconds that a plan waits for its reader before another one may be made. */
export const PLAN_READER_WAIT_MS_MAX = 30_000
/** Milliseconds between two looks at which activation is due, at most; the next one is known, so it is not late by that. */
export const ACTIVATION_LOOK_INTERVAL_MS = 5_000
/** Surviving mutants of the added kind that a report of policy tests lists: without tests there are as many as roles times permissions. */
export const SURVIVORS_LISTED_MAX = 100_000
/** Milliseconds for which a proposed test gives a temporary role: short enough to be within nearly any `maxGrant`. */
export const SKELETON_WINDOW_MS = 3_600_000
/** Roles that a report of policy tests for people names, and permissions of each: what is longer is read by machines. */
export const REPORT_ROLES_MAX = 20
export const REPORT_NAMES_MAX = 8
/** Characters of a report for a pull request: GitHub takes 65,536 for a comment, and others write below it. */
export const REPORT_CHARACTERS_MAX = 60_000
/** Milliseconds that git may take to hand out the policy files of one commit, and bytes of its list of all files below their folder. */
export const GIT_TIMEOUT_MS = 30_000
export const GIT_LIST_BYTES_MAX = 16_777_216
/** Steps of a search for sets of roles that nobody may hold together, and sets that are told of one constraint. */
export const ROLE_SETS_SEARCHED_MAX = 100_000
export const ROLE_SETS_TOLD_MAX = 20
