/** Every bound of the system, with its unit and its reason. Relations that must hold are asserted at the end. */
import { assert } from "./base/errors.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// ------------------------------------------------------------------------------------------------------- names
/** A path's UTF-8 bytes (CLI.md). */
export const PATH_BYTES_MAX = 1024;
/** A DataNode's zone: a name in tables. */
export const ZONE_CHARS_MAX = 64;
/** A DataNode's share of the files relative to others'. */
export const NODE_WEIGHT_MAX = 1_000;
/** User metadata of one version, keys and values together: heads are small. */
export const METADATA_BYTES_MAX = 4 * KIB;

// ------------------------------------------------------------------------------------------------------ content
/** Content up to this size travels in the accept and commits with the head; larger content is cut into chunks. */
export const INLINE_BYTES_MAX = 64 * KIB;
/** The chunk size to begin with; it doubles for files that would need more than CHUNKS_MAX. */
export const CHUNK_BYTES_DEFAULT = 4 * MIB;
export const CHUNK_BYTES_MAX = 64 * MIB;
/** Chunks of one version: 8 bytes each in the head. */
export const CHUNKS_MAX = 32 * KIB;
/** The last moment that dates can show, Unix epoch; the first one is as long before 1970. */
export const DATE_MS_MAX = 8.64e15;
/** Earlier versions that a head keeps (the current one not counted). */
export const KEEP_VERSIONS_DEFAULT = 10;
/** Bytes that the history may take in a head; the oldest versions go first. */
export const HISTORY_BYTES_MAX = 512 * KIB;
/** A head as stored: the current version's chunk list, the history, the window. */
export const HEAD_BYTES_MAX = 1 * MIB;

// ----------------------------------------------------------------------------------------------------- protocol
/** Partitions of the key space; fixed for the life of a cluster. */
export const PARTITIONS = 1024;
/** Replicas of a partition. */
export const REPLICAS_MAX = 7;
/** Operation ids that a head remembers (P12). More concurrent writers of ONE file than this cost a re-send. */
export const WINDOW_OPERATIONS = 32;
/** A counter this far above the replica's own is refused at prepare and never adopted (P4). */
export const COUNTER_LEAP_MAX = 2 ** 40;
/** The durable ceiling is extended this far ahead (P3): one small write per million ballots. */
export const CEILING_STEP = 2 ** 20;
/** Promises without a later accept kept one by one (P2); what is evicted raises its bucket's floor. */
export const PROMISES_MAX = 64 * KIB;
export const PROMISE_BUCKETS = 4096;

// ------------------------------------------------------------------------------------------------------- queues
/** Operations waiting for one file at one coordinator; one more is refused with OVERLOADED. */
export const FILE_QUEUE_MAX = 1024;
/** Operations in progress at one coordinator. */
export const COORDINATOR_OPERATIONS_MAX = 16 * KIB;
/** Requests in flight on one session; past that the sender gets OVERLOADED. */
export const SESSION_IN_FLIGHT_MAX = 64 * KIB;
/** Bytes written to a session and not yet taken by the socket; past that nothing more is written until it drains. */
export const SESSION_BUFFER_BYTES_MAX = 16 * MIB;
/** One message of the session: well under what the receiver allows. */
export const BATCH_BYTES_MAX = 1 * MIB;
/** The largest gRPC message that a server takes; more is refused by gRPC itself. */
export const MESSAGE_BYTES_MAX = 4 * MIB;
/** Chosen hints that wait for a batch to ride on; more are forgotten, which costs a slower read at worst. */
export const HINTS_MAX = 4 * KIB;
/** One answer of a control call: the longest page of a listing with the longest paths. */
export const CONTROL_REPLY_BYTES_MAX = 16 * MIB;
/** Requests of one replica batch: one SQLite transaction, one fsync. */
export const COMMIT_REQUESTS_MAX = 4096;
/** Requests waiting for a replica's next turns; one more is refused with OVERLOADED. */
export const REPLICA_INBOX_MAX = 64 * KIB;
/** Overwritten files that a replica remembers to trim when the new version is known chosen. */
export const SUPERSEDED_MAX = 64 * KIB;
/** Accepts whose files a DataNode keeps in memory (up to twice as many), for those who follow its log closely. */
export const RECENT_ACCEPTS = 32 * KIB;
/** Entries of one change log answer. */
export const CHANGES_MAX = 2000;
/** Entries of a peer's change log that catching up looks at in one go, and files that it takes over at a time. */
export const CATCH_UP_BATCH = 500;
export const CATCH_UP_IN_FLIGHT = 16;
/** Alarms that a heartbeat names one by one. */
export const ALARMS_MAX = 20;
/** Entries of one page of a listing. */
export const LIST_PAGE_MAX = 5000;
/** Chunks that one transfer moves at a time: 3 copies of 4 chunks of 4 MiB stay under the client's 200 MiB. */
export const CHUNKS_IN_FLIGHT = 4;
/** Buffers of one transfer, at most this many bytes in all, the one being filled included: a copy has two of them. */
export const TRANSFER_BUFFER_BYTES_MAX = 16 * MIB;
/** Bodies of chunks that a DataNode takes whole at a time; what is beyond comes in small pieces. */
export const BODIES_WHOLE_BYTES_MAX = 64 * MIB;
/** A client or DataNode asks for a collection of garbage each time it has moved so many bytes of chunks: at 24 MiB that was a third of its CPU. */
export const COLLECT_EVERY_BYTES = 64 * MIB;
/** A read of the current version that is overtaken and dropped under its eyes begins again this often. */
export const OVERTAKEN_TRIES_MAX = 5;
/** Files that a recursive command moves at a time. */
export const FILES_IN_FLIGHT = 64;

// -------------------------------------------------------------------------------------------------------- times
/** How long an operation may take unless the caller says otherwise. */
export const OPERATION_BUDGET_MS = 30_000;
/** How long a coordinator waits for replicas before it says QUORUM_UNAVAILABLE with its arithmetic. */
export const QUORUM_PATIENCE_MS = 1_500;
/** A change unanswered for this long is repeated at another replica (same operation id, next attempt), if the one asked is silent. */
export const HEDGE_MS = 250;
/** And after this long though it answers others: there may be that many writers of the file before this one. */
export const BUSY_PATIENCE_MS = 1_000;
/** As HEDGE_MS of reads, which repeat freely, while too few were observed to know better; and how often one still waiting is looked at. */
export const READ_HEDGE_MS = 80;
/** A prepare unanswered for this long goes to one more replica, while too few were observed to know better. */
export const PREPARE_HEDGE_MS = 50;
/** When a quorum is lost, answers under way are waited for this long, so that the error counts them. */
export const LAST_ANSWERS_MS = 20;
/** A session whose oldest request is unanswered for this long is called silent: others are asked first. */
export const SILENT_MS = 200;
/** With a request unanswered and nothing heard for this long, a session asks for a sign of life. */
export const SESSION_PING_MS = 100;
/** Nothing heard for this long although asked: the session is torn down and built anew (a stalled runtime, a frozen peer). */
export const SESSION_STALL_MS = 4_000;
/** A client that takes none of the answers waiting for it for this long, with the buffer full, loses its session. */
export const SLOW_READER_MS = 10_000;
/** Backoff after a conflict: drawn from 0 … base × 2^tries, at most the maximum. */
export const CONFLICT_BACKOFF_BASE_MS = 2;
export const CONFLICT_BACKOFF_MAX_MS = 200;
/** Reconnecting to a server that refuses: drawn from half to all of base × 2^tries, at most the maximum. */
export const RECONNECT_BASE_MS = 50;
export const RECONNECT_MAX_MS = 1_000;
/** An address is given up after so many attempts in a row, some 45 s, between which nobody wanted it. */
export const UNUSED_DIALS_MAX = 60;
/** How long a connection attempt may take. */
export const CONNECT_MS = 4_000;
/** How long a client goes on after definite failures before it reports one: too few replicas is said within about 5 s. */
export const UNAVAILABLE_PATIENCE_MS = 3_000;
/** Pause before a replica that failed is asked again: drawn from half to all of base × 2^tries, at most the maximum. */
export const RETRY_BASE_MS = 25;
export const RETRY_MAX_MS = 400;
/** A client's cluster map, with its load hints, is fetched again in the background when it is used and older than this. */
export const MAP_MAX_AGE_MS = 5_000;
/** A load hint loses half of its weight in this time: what the client measures itself takes over. */
export const LOAD_HINT_HALF_LIFE_MS = 3_000;
/** How long `stat` and `explain` wait for each replica to say what it holds. */
export const PROBE_MS = 500;
/** A chunk read unanswered for this long is repeated at another replica; four times the measured time if that is longer. */
export const CHUNK_HEDGE_MS = 500;
/** When buffers run out, the copy of a chunk that is already durable at W may hold its buffer this long; then it is given up. */
export const CHUNK_STRAGGLE_MS = 1_000;
/** A DataNode that lagged so is sent chunks only where W needs it, for this long; repair brings it the rest. */
export const CHUNK_LAGGARD_MS = 10_000;
/** How long a closing client waits for the last copies of chunks that are durable at W. */
export const CLOSE_PATIENCE_MS = 1_000;
/** How long a client tries to reach a cluster before it says CLUSTER_UNREACHABLE (CLI.md: within 5 s). */
export const REACH_CLUSTER_MS = 4_500;
/** … and when every address refuses, so that one which is just starting is still met. */
export const REACH_REFUSED_MS = 2_000;
/**
 * … and how long it tries to have a SuperNode answer, once it has the map: together with finding that, within 5 s. A live one
 * answers a listing after LISTING_WAIT_MS at the latest.
 */
export const REACH_SUPERNODE_MS = 4_300;
/** gRPC keepalive: a ping this often, and a session is torn down when it is not answered in time. */
export const KEEPALIVE_MS = 10_000;
export const KEEPALIVE_TIMEOUT_MS = 5_000;
/** Unary calls under way on one control connection; more wait their turn. */
export const CONTROL_CALLS_MAX = 2;
/** Unary control calls. */
export const CONTROL_CALL_MS = 5_000;
export const HEARTBEAT_MS = 500;
/** No heartbeat for this long: suspect, then down. */
export const SUSPECT_AFTER_MS = 1_500;
export const DOWN_AFTER_MS = 5_000;
/** A change log request that finds nothing new is answered after this long. */
export const CHANGES_WAIT_MS = 1_000;
/** How long a listing waits for the change logs before it says what may be missing. */
export const LISTING_WAIT_MS = 3_000;
/** A change that stays short of W reports for this long is settled by the SuperNode's request (P20). */
export const UNSETTLED_AFTER_MS = 1_000;
/** Catching up lets what is just being written come by itself for this long. */
export const CATCH_UP_GRACE_MS = 500;
/** An idle node looks this often whether it missed anything. */
export const CATCH_UP_EVERY_MS = 60_000;
/** … and idle is a node that takes fewer operations per second than this. */
export const QUIET_OPERATIONS_PER_SEC = 50;
/** A DataNode that found no good copy of a bad chunk anywhere looks again after this long. */
export const CHUNK_REPAIR_RETRY_MS = 5_000;
/** The DataNode's housekeeping: free space, checkpoints, returned peers. */
export const HOUSEKEEPING_MS = 500;
/** Chosen hints wait at most this long for a batch to ride on. */
export const HINT_DELAY_MS = 20;
/** SIGTERM: in-flight work may take this long before the process ends anyway. */
export const DRAIN_MS = 10_000;
/** How long `qdfs up` waits for its servers to serve. */
export const CLUSTER_START_MS = 30_000;
/** A bulk request (one chunk) that makes no progress for this long is given up and repeated elsewhere. */
export const CHUNK_STALL_MS = 5_000;
/** Of an HTTP answer's status line and headers. */
export const HTTP_HEAD_BYTES_MAX = 16 * KIB;
/** Connections to one DataNode that are kept for the next GET. */
export const HTTP_KEPT_CONNECTIONS_MAX = 8;
/** Of an answer that is a failure in words. */
export const HTTP_FAILURE_BYTES_MAX = 64 * KIB;
/** An HTTP connection on which nothing moves for this long is closed by the server; above what a chunk may take to be stored. */
export const HTTP_IDLE_MS = 60_000;

// ---------------------------------------------------------------------------------------------------- catalogue
/** While no listing waits, a change log is read at most this often: few large batches cost little. */
export const FOLLOW_PAUSE_MS = 80;
/** As UNSETTLED_AFTER_MS, while a listing waits for it. */
export const SETTLE_FOR_LISTING_MS = 150;
/** A chosen change whose head has not come with its proposer's log for this long is asked for; sooner if a listing waits. */
export const HEAD_FETCH_AFTER_MS = 250;
export const HEAD_FETCH_FOR_LISTING_MS = 30;
/** While no listing waits, the catalogue is written at most this often. */
export const CATALOGUE_COMMIT_MS = 400;
/** How often the SuperNode does what can wait: storing cursors, checkpoints. */
export const SUPERNODE_MAINTENANCE_MS = 1_000;
/** A DataNode with less room than this is in the alarms, well before it refuses bytes at FREE_BYTES_MIN. */
export const LOW_SPACE_BYTES = 512 * MIB;
/** How often the changes that wait are looked through for what is overdue. */
export const SWEEP_MS = 100;
/** A file that could not be settled is tried again after UNSETTLED_AFTER_MS × 2^tries, at most the maximum. */
export const SETTLE_BACKOFF_MAX_MS = 30_000;
/** Settles and head reads of the SuperNode at a time: a background job. */
export const SETTLES_IN_FLIGHT = 64;
/** Changes of one DataNode taken and not yet listed; past that its log is not read on. Some 300 bytes each. */
export const PENDING_CHANGES_MAX = 32 * KIB;
/** Ballots of one file waiting to be listed; the lowest goes first, a higher one will supersede it. */
export const CANDIDATES_MAX = 16;
/** Listed files whose ballot is remembered, so that a late replica's report needs no look-up; some 200 bytes each. */
export const RECENT_LISTED_MAX = 32 * KIB;
/** A DataNode that has not said its log's current sequence after this long does not answer, as far as a listing goes. */
export const FENCE_ANSWER_MS = 1_000;

// ------------------------------------------------------------------------------------------------------ storage
/** Free space below which a DataNode refuses new bytes: room for the change log, settles and deletes. */
export const FREE_BYTES_MIN = 64 * MIB;
/** The write-ahead log is checkpointed off the request path when it is longer than this: some 50-100 ms, one file's length. */
export const WAL_CHECKPOINT_BYTES = 32 * MIB;
/** That of a DataNode's registers after a commit: some 10 ms, and commits wait for the disk after it. */
export const NODE_CHECKPOINT_BYTES = 16 * MIB;
/** No idle moment came: past this length of the log a commit checkpoints by itself, so that the log stays bounded. */
export const WAL_BYTES_MAX = 128 * MIB;
/** Pages of a database kept in memory by SQLite, whose commits walk their table: the system's own cache holds the rest. */
export const PAGE_CACHE_BYTES = 16 * MIB;
/** Accepts whose place in the index of paths is kept in memory, before it goes to disk with those of the others. */
export const YOUNG_ROWS_MAX = 4 * KIB;
/** Accepted values (heads, and inline bytes once read or written) kept decoded in memory. */
export const REGISTER_CACHE_BYTES = 64 * MIB;
/** A database file up to this size is checked whole (about a second) before it is opened, a larger one by its header and schema. */
export const QUICK_CHECK_BYTES_MAX = 256 * MIB;
/** Encoded size of the heads that a coordinator keeps decoded, which take several times as much. */
export const HEADS_CACHE_BYTES = 4 * MIB;
/** Identifiers of directories that the catalogue keeps in memory: what is written to is mostly written to again. */
export const DIRECTORIES_CACHED = 64 * KIB;

// ------------------------------------------------------------------------------------------------------ routing
/** How fast a peak of a node's latency fades: a pause of some ms must not keep a good node out for seconds. */
export const PEAK_DECAY_MS = 300;
/**
 * A replica that reads pass over is asked beside one of them, which does not wait for it, when it was not measured for so long, or for
 * so many reads (1 % more requests) and at least as long as that makes sense.
 */
export const MEASURE_AGAIN_MS = 1_000;
export const MEASURE_AGAIN_READS = 100;
export const MEASURE_AGAIN_MS_MIN = 20;
/** A request is hedged when it takes longer than this share of those lately observed … */
export const HEDGE_QUANTILE = 0.98;
/** … once there are so many of them; halved every so many, so that it follows a change within some thousand answers … */
export const HEDGE_SAMPLES_MIN = 50;
export const QUANTILE_WINDOW = 2_000;
/** … not sooner than timers can tell, nor later than a person would notice. */
export const HEDGE_MS_MIN = 1;
export const HEDGE_MS_MAX = 500;
/** Hedges per request, and how many may be saved up for a burst: they never add more than this to the load of a slow cluster. */
export const HEDGE_SHARE = 0.05;
export const HEDGE_RESERVE = 20;

// ----------------------------------------------------------------------------------------------- adaptive quorums
/** Copies that stand behind an acknowledged put whatever the load (fewer only where N is less). */
export const ADAPTIVE_COPIES_MIN = 2;
/** How often the controller looks; the share of reads and writes that it goes by fades with this half-life. */
export const ADAPTIVE_REVIEW_MS = 1_000;
export const ADAPTIVE_MIX_HALF_LIFE_MS = 10_000;
/** Operations, faded ones in part, below which a mix says nothing. */
export const ADAPTIVE_OPERATIONS_MIN = 100;
/** What a move must save, as a share of what an operation costs now, … */
export const ADAPTIVE_GAIN_MIN = 0.05;
/** … for so long without a break, … */
export const ADAPTIVE_CONFIRM_MS = 5_000;
/** … and so long after the last move or try. A change settles and copies every file: it must have time to pay. */
export const ADAPTIVE_DWELL_MS = 60_000;
/** Moves within an hour, and how many of them are kept for what the nodes' health demands. */
export const ADAPTIVE_MOVES_PER_HOUR_MAX = 12;
export const ADAPTIVE_MOVES_RESERVED = 4;
/** Every replica was up for this long: a setting that needs all of them may be entered. */
export const ADAPTIVE_CALM_MS = 300_000;
/** Where live changes are not available a decision is repeated, and logged, this often. */
export const ADAPTIVE_UNAVAILABLE_RETRY_MS = 600_000;

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

assert(HEAD_BYTES_MAX + INLINE_BYTES_MAX < MESSAGE_BYTES_MAX, "an accept fits a message");
assert(BATCH_BYTES_MAX + HEAD_BYTES_MAX + INLINE_BYTES_MAX < MESSAGE_BYTES_MAX, "a batch closed at its bound fits a message");
assert(CHUNKS_MAX * 8 + HISTORY_BYTES_MAX < HEAD_BYTES_MAX, "a head with the longest chunk list fits");
assert(SESSION_PING_MS < SILENT_MS && SILENT_MS < SESSION_STALL_MS, "a live peer that was asked is never called silent");
assert(LIST_PAGE_MAX * (PATH_BYTES_MAX + 512) < CONTROL_REPLY_BYTES_MAX, "a page of a listing fits an answer");
assert(SUSPECT_AFTER_MS > 2 * HEARTBEAT_MS && DOWN_AFTER_MS > SUSPECT_AFTER_MS, "one late heartbeat does not make a suspect");
assert(HEDGE_QUANTILE > 1 - HEDGE_SHARE, "fewer requests are late than may be hedged, while the latencies are what they were");
assert(HEDGE_MS_MAX < QUORUM_PATIENCE_MS, "a hedge comes before the request that it stands in for is given up");
assert(ADAPTIVE_MOVES_RESERVED < ADAPTIVE_MOVES_PER_HOUR_MAX, "a load may move the quorum, too");
assert(WAL_BYTES_MAX >= 2 * WAL_CHECKPOINT_BYTES, "idle moments come first");
assert(CEILING_STEP < COUNTER_LEAP_MAX, "a restart never looks like a runaway counter");
assert(
  LISTING_WAIT_MS + FENCE_ANSWER_MS <= REACH_SUPERNODE_MS,
  "a SuperNode that waits for its DataNodes is not taken for a frozen one",
);
assert(SETTLE_FOR_LISTING_MS + FENCE_ANSWER_MS < LISTING_WAIT_MS, "a listing has time to settle what it waits for");
