/** Bounds of the tools, `qdfs bench`, `doctor` and `check`; those of the system are in limits.ts. */

const KIB = 1024;
const MIB = 1024 * KIB;

// -------------------------------------------------------------------------------------------------------- bench
/** Operations of one bench process at a time: below the session's bound, so that the bench never measures a refusal of its own. */
export const BENCH_IN_FLIGHT_MAX = 16 * KIB;
/** Contents are held in memory whole, one per operation in flight. */
export const BENCH_SIZE_BYTES_MAX = 64 * MIB;
/** Paths are held in memory, some 100 bytes each. */
export const BENCH_FILES_MAX = 10_000_000;
/** Files of the preload written at a time: enough to fill group commits. */
export const BENCH_PRELOAD_IN_FLIGHT = 64;

/** Client processes of one run (`--procs`): each takes some 60 MB and a connection to every node. */
export const BENCH_PROCESSES_MAX = 128;
/** Rows of a run's series: a second each for up to an hour, longer ones for longer runs. */
export const BENCH_SERIES_ROWS_MAX = 3_600;
/** How long client processes may take to start and connect, with all of them starting at once. */
export const BENCH_PROCESS_START_MS = 60_000;
/** They are told so far ahead when to begin that all of them begin at the same moment. */
export const BENCH_START_LEAD_MS = 50;
/** How often each is asked for its clock: the narrowest of the answers bounds what its times may be off by. */
export const BENCH_CLOCK_QUESTIONS = 30;

/** Operations that `--check` keeps in memory, some 150 bytes each. */
export const BENCH_HISTORY_MAX = 2_000_000;
/** Entries of listings that it keeps, some 100 bytes each. */
export const BENCH_LISTED_ENTRIES_MAX = 1_000_000;

// ------------------------------------------------------------------------------------------------------- doctor
/** How long a server may take to say its clock, and how often it is asked: the quickest answer bounds the clock best. */
export const DOCTOR_ANSWER_MS = 2_000;
export const DOCTOR_CLOCK_QUESTIONS = 3;
/** Files whose replicas are compared unless the user says otherwise: about two seconds. */
export const DOCTOR_FILES_DEFAULT = 10_000;
export const DOCTOR_FILES_IN_FLIGHT = 256;
/** A replica that is behind is looked at again after this long: it may have been about to hear of the write. */
export const DOCTOR_LOOK_AGAIN_MS = 1_500;
/** Examples of what a finding is about. */
export const DOCTOR_EXAMPLES_MAX = 10;
/** Clocks further apart than this, beyond what could be measured, show in listings. */
export const DOCTOR_CLOCK_SKEW_MS = 1_000;
/** Share of its capacity that a DataNode may use before it is filling. */
export const DOCTOR_FILLING_SHARE = 0.9;

// ------------------------------------------------------------------------------------------------------- checks
/** Steps beyond one per operation that judging one file may take, and all files of a history together: seconds, not hours. */
export const CHECK_FILE_STEPS_MAX = 1_000_000;
export const CHECK_STEPS_MAX = 5_000_000;
/** … and that each try to leave operations out of a violation may take, and how many tries: the rest is shown as it is. */
export const CHECK_SHRINK_STEPS_MAX = 20_000;
export const CHECK_SHRINK_TRIES_MAX = 300;
/** Characters of tried positions that the search of one file remembers. */
export const CHECK_MEMORY_CHARACTERS_MAX = 64 * MIB;
/** Lines of a history that `qdfs check` takes: they are held in memory, some 300 bytes each. */
export const CHECK_LINES_MAX = 5_000_000;
/** Violations that a verdict shows, one a file. */
export const CHECK_VIOLATIONS_MAX = 10;
