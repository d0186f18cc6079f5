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
/** Different configurations that are kept decoded: those of a map of PARTITIONS, and of some maps before it; some 400 bytes each. */
export const INTERNED_MAX = 4 * KIB;
/** Of one that is kept: with two sets of REPLICAS_MAX it has less. */
export const INTERNED_BYTES_MAX = 128;
/** Chosen hints that wait for a batch to ride on; more are forgotten, which costs a slower read at worst. */
export const HINTS_MAX = 4 * KIB;
/** One answer of a control call: the longest page of a listing with the longest paths. */
export const CONTROL_REPLY_BYTES_MAX = 16 * MIB;
/** Requests of one replica batch: one SQLite transaction, one fsync. */
export const COMMIT_REQUESTS_MAX = 4096;
/** Requests waiting for a replica's next turns; one more is refused with OVERLOADED. */
export const REPLICA_INBOX_MAX = 64 * KIB;
/** The heads and inline bytes of these: a disk that stalls must not fill the memory with what others write meanwhile. */
export const REPLICA_INBOX_BYTES_MAX = 128 * MIB;
/** Overwritten files that a replica remembers to trim when the new version is known chosen. */
export const SUPERSEDED_MAX = 64 * KIB;
/** Accepts whose files a DataNode keeps in memory (up to twice as many), for those who follow its log closely. */
export const RECENT_ACCEPTS = 32 * KIB;
/** Tombstones that a DataNode watches at a time; the others wait in its change log. */
export const TOMBSTONES_WATCHED_MAX = 64 * KIB;
/** Uploads whose chunks nobody names that a store watches at a time; the others are met in a later round. */
export const ORPHANS_WATCHED_MAX = 16 * KIB;
/** Erasures kept in a change log; who follows it from further behind does not hear of the older ones. */
export const ERASED_KEPT_MAX = 64 * KIB;
/** Entries of one change log answer. */
export const CHANGES_MAX = 2000;
/** Entries of a peer's change log that catching up looks at in one go, and files that it takes over at a time. */
export const CATCH_UP_BATCH = 500;
export const CATCH_UP_IN_FLIGHT = 16;
/** What an alarm names one by one. */
export const ALARMS_MAX = 20;
/** What a DataNode found bad lately and remembers for reports; some 300 bytes each. */
export const FINDINGS_MAX = 200;
/** Files and chunks that a DataNode mends at a time: a background job. */
export const FILE_MENDS_IN_FLIGHT = 4;
export const CHUNK_MENDS_IN_FLIGHT = 2;
/** Files that are suspected and wait to be looked at, some 200 bytes each; more are forgotten, for the scrub finds them too. */
export const SUSPECTED_FILES_MAX = 20_000;
/** Suspicions of a replica that is merely behind that one client passes on in a second: under load one is met all the time. */
export const SUSPICIONS_PER_SEC = 10;
/** Files that one repair call names. */
export const REPAIR_PATHS_MAX = 100;
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

// --------------------------------------------------------------------------------- changes of configurations
/** Partitions that change at a time. Each replica looks through all its files once for all that begin together. */
export const PARTITIONS_CHANGING_MAX = 256;
/** Files, or chunks, of a replica that one page of a scan looks at: less than 4 ms of its time (4,096 took up to 33, felt by every request behind). */
export const SCAN_PAGE_MAX = 512;
/** Files, and groups of chunks, carried over at a time by one DataNode, and how many and how much of them in a second. */
export const CARRY_FILES_IN_FLIGHT = 8;
export const CARRY_FILES_PER_SEC = 2_000;
export const CARRY_BYTES_PER_SEC = 64 * MIB;
/** Of these limits, what a mover begins with (25 files per second), and what it goes on with however slow everything is (8). */
export const CARRY_SHARE_FIRST = 1 / 80;
export const CARRY_SHARE_MIN = 1 / 250;
/** Changing partitions that a status names. */
export const JOINT_SHOWN_MAX = 20;
/** A change in which nothing is carried over for so long is stuck (`qdfs doctor`): what waits for a few chunks is asked again many times by then. */
export const STANDSTILL_MS = 120_000;
/** Chunks that a DataNode is asked to take over in one request. */
export const TAKE_CHUNKS_MAX = 4;

// ----------------------------------------------------------------------------------------------- anti-entropy
/** Files, or chunks, of the ranges that are compared first; a range that differs is compared again in so many parts. */
export const COMPARE_PAGE = 4 * KIB;
export const COMPARE_FAN_OUT = 16;
/** Names that one question has a replica look at, and ranges in its answer. */
export const COMPARE_LOOK_MAX = 4 * KIB;
export const COMPARE_RANGES_MAX = 64;
/** … for so long at most: each turn waits for the commit under way, and the asker only for CONTROL_CALL_MS. */
export const COMPARE_ANSWER_MS = 1_000;
/** … those that are read in one go, and those of them whose files are looked at in one turn of the event loop: a millisecond. */
export const COMPARE_SLICE = 256;
export const COMPARE_TURN = 24;
/** Names that a DataNode compares in a second: once with those it shared something with when it came back, and from then on for ever. */
export const COMPARE_RETURN_PER_SEC = 4_000;
export const COMPARE_STEADY_PER_SEC = 500;
/** … and so many times slower while clients want something of it: at 500 a second the p99 of a light load on five DataNodes doubled. */
export const COMPARE_BUSY_FACTOR = 8;
/** What differs is looked at again after this long: it may just have been written. */
export const COMPARE_AGAIN_MS = 2_000;
/** Differences looked into at a time, and bytes fetched for them in a second. */
export const COMPARE_MENDS_IN_FLIGHT = 8;
export const COMPARE_BYTES_PER_SEC = 32 * MIB;
/** Between two comparisons with all peers; and before one that was broken off goes on. */
export const COMPARE_PAUSE_MS = 30_000;
export const COMPARE_RETRY_MS = 5_000;

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
/** Levels of suspicion, phi (cluster/suspicion.ts): one silence in a hundred, or in a hundred million, would still end by itself. */
export const SUSPECT_PHI = 2;
export const DOWN_PHI = 8;
/** Intervals between a node's heartbeats that its suspicion goes by; with fewer than the least it goes by what is agreed. */
export const SUSPICION_INTERVALS = 100;
export const SUSPICION_INTERVALS_MIN = 10;
/** What is taken for a node's mean interval is between HEARTBEAT_MS and this … */
export const SUSPICION_MEAN_MS_MAX = 1_000;
/** … and how late its heartbeats are on average between these: suspect after 1.7 to 3.3 s, down after 5.1 to 10.2 s of silence. */
export const SUSPICION_LATENESS_MS_MIN = 250;
export const SUSPICION_LATENESS_MS_MAX = 500;
/** Nobody is down later than this. */
export const DOWN_AFTER_MS_MAX = SUSPICION_MEAN_MS_MAX + DOWN_PHI * Math.LN10 * SUSPICION_LATENESS_MS_MAX;
/** A DataNode may vanish so often before it is held back (cluster/steadiness.ts) … */
export const FLAPS_FREE = 2;
/** … until it has been steady for so long, twice as long with every further time, at most the maximum … */
export const FLAP_HOLD_MS = 5_000;
export const FLAP_HOLD_MS_MAX = 60_000;
/** … and after so long without it all is forgotten. */
export const FLAP_MEMORY_MS = 600_000;
/** A SuperNode's backup: a map fits an answer, and a file of it is not much larger. */
export const BACKUP_BYTES_MAX = CONTROL_REPLY_BYTES_MAX;
/** A DataNode follows a generation that is at most this much above its own (P17): a damaged one would use them all up. */
export const GENERATION_LEAP_MAX = 1_000;
/** Numbers that a SuperNode, whose disk was lost, gave to DataNodes of which nobody else has heard: no more than this. */
export const NODE_NUMBERS_LOST_MAX = 1_000;
/** How long a SuperNode that is rebuilt waits for enough DataNodes to follow it, and how long from one try to the next. */
export const RECOVERY_PATIENCE_MS = 60_000;
export const RECOVERY_RETRY_MS = 500;
/** … and how long a try waits for answers: what comes later counts for the next one. */
export const RECOVERY_ANSWER_MS = 1_000;
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
/** … and a busy one this often: what changes between is all that its absence can make it look through again. */
export const CATCH_UP_BUSY_EVERY_MS = 300_000;
/** … and idle is a node that takes fewer operations per second than this. */
export const QUIET_OPERATIONS_PER_SEC = 50;
/** How long a DataNode may take to have everything of one file, and of a few chunks, fetched from the others: then it is asked again. */
export const COMPLETE_MS = 10_000;
export const TAKE_MS = 10_000;
/** What could not be carried over is tried again after this long. */
export const CARRY_RETRY_MS = 300;
/** … and chunks that could not be had are looked for in a new scan after this long: they may have been collected. */
export const CARRY_RESURVEY_MS = 5_000;
/** After a search for a newer map that found none, the next one begins this much later. */
export const SEEK_PAUSE_MS = 50;
/** A request that goes by a newer map waits this long for that map to come. */
export const MAP_WAIT_MS = 100;
/** A partition that a DataNode has left is dropped after this long, when clients have heard of it. */
export const LEFT_PARTITION_MS = 60_000;
/** A change of the quorum that the cluster makes by itself is taken back when nothing of it has moved for this long. */
export const QUORUM_CHANGE_PATIENCE_MS = 30_000;
/** A new DataNode, or other change of the plan, is waited out for this long: several may come together. */
export const REBALANCE_SETTLE_MS = 2_000;
/** Others take the place of a DataNode that was down for this long: longer than a reboot, sooner than a second one is likely to fail. */
export const REPLACE_AFTER_MS = 600_000;
/** How often the SuperNode looks who is to be replaced, and which of the dead hold nothing any more. */
export const LEAVING_LOOK_MS = 1_000;
/** How often the SuperNode looks how far a change is, and, when nothing is under way, whether something can begin. */
export const REBALANCE_LOOK_MS = 100;
/** While partitions move the map changes no more often than this: everybody reads, checks and stores each. */
export const REBALANCE_STEP_MS = 5_000;
export const REBALANCE_IDLE_MS = 1_000;
/** A DataNode that found no good copy anywhere looks again: drawn from half to all of base × 2^tries, at most the maximum. */
export const MEND_RETRY_BASE_MS = 1_000;
export const MEND_RETRY_MAX_MS = 30_000;
/** How long a repair call works before it answers with what is done so far: well within CONTROL_CALL_MS. */
export const REPAIR_ANSWER_MS = 2_500;
/** How long what was deleted stays in the trash unless the policy says otherwise. */
export const TOMBSTONE_GRACE_DEFAULT_MS = 7 * 24 * 3_600_000;
/** A tombstone is watched by its home for this long at least, or for the grace time if that is shorter: clocks may be wrong. */
export const TOMBSTONE_WATCH_MS = 3_600_000;
/** How long a chunk that no version names is left alone unless the policy says otherwise. An upload that goes on is not looked at. */
export const ORPHAN_AGE_DEFAULT_MS = 3_600_000;
/** How often garbage is looked for: a quarter of the time that it is left alone, within these. */
export const GARBAGE_LOOK_MS_MIN = 200;
export const GARBAGE_LOOK_MS_MAX = 600_000;
/** Files erased, and owners of chunks looked at, by one DataNode in a second: a background job. */
export const ERASE_FILES_PER_SEC = 200;
export const GARBAGE_OWNERS_PER_SEC = 200;
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
/** What a DataNode's memory of which files that index has may take: enough for 16 million. */
export const PATH_FILTER_BYTES = 64 * MIB;
/** Accepted values (heads, and inline bytes once read or written) kept decoded in memory. */
export const REGISTER_CACHE_BYTES = 64 * MIB;
/** A database file up to this size is checked whole (about a second) before it is opened, a larger one by its header and schema. */
export const QUICK_CHECK_BYTES_MAX = 256 * MIB;
/** Encoded size of the heads that a coordinator keeps decoded, which take several times as much. */
export const HEADS_CACHE_BYTES = 4 * MIB;
/** Identifiers of directories that the catalogue keeps in memory: what is written to is mostly written to again. */
export const DIRECTORIES_CACHED = 64 * KIB;

// -------------------------------------------------------------------------------------------------------- scrub
/** Every stored byte is read again within this long unless `--scrub-period` says otherwise: well before a second copy is likely to go bad. */
export const SCRUB_PERIOD_MS = 14 * 24 * 3_600_000;
export const SCRUB_PERIOD_MS_MIN = 1_000;
/** A year: a period in ms then is exact, and longer ones make no sense. */
export const SCRUB_PERIOD_MS_MAX = 365 * 24 * 3_600_000;
/** A pass aims to end after this share of the period: until then it stands aside for load, from then on it keeps its pace. */
export const SCRUB_AIM_SHARE = 0.5;
/** Bytes per second: what the period asks for, but no less (a small store is soon done) and no more (a disk does ten times that). */
export const SCRUB_RATE_MIN_BYTES = 1 * MIB;
export const SCRUB_RATE_MAX_BYTES = 32 * MIB;
/** … when it was asked for by hand and there is little else to do. While clients want something it takes this share of the time at most. */
export const SCRUB_BUSY_SHARE = 0.05;
export const SCRUB_FORCED_RATE_BYTES = 256 * MIB;
/** Rows of the database read in one go: it holds up the event loop for well under 10 ms. */
export const SCRUB_ROWS = 32;
/** Chunk files read before the next pause: about so many bytes. */
export const SCRUB_STEP_BYTES = 4 * MIB;
/** Chunk index rows read in one go; their files are read one by one. */
export const SCRUB_CHUNKS = 64;
/** Chunks looked up in the index in one go, some 10 µs each: a huge file names tens of thousands. */
export const CHUNK_LOOKUPS = 256;
/** Where the scrub stands is written down this often: what is lost in a crash is read twice. */
export const SCRUB_SAVE_MS = 10_000;
/** How long it waits when it stands aside for load. */
export const SCRUB_ASIDE_MS = 1_000;

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

assert(HEAD_BYTES_MAX + INLINE_BYTES_MAX < MESSAGE_BYTES_MAX, "an accept fits a message");
assert(BATCH_BYTES_MAX + HEAD_BYTES_MAX + INLINE_BYTES_MAX < MESSAGE_BYTES_MAX, "a batch closed at its bound fits a message");
assert(CHUNKS_MAX * 8 + HISTORY_BYTES_MAX < HEAD_BYTES_MAX, "a head with the longest chunk list fits");
assert(SESSION_PING_MS < SILENT_MS && SILENT_MS < SESSION_STALL_MS, "a live peer that was asked is never called silent");
assert(LIST_PAGE_MAX * (PATH_BYTES_MAX + 512) < CONTROL_REPLY_BYTES_MAX, "a page of a listing fits an answer");
assert(
  HEARTBEAT_MS + SUSPECT_PHI * Math.LN10 * SUSPICION_LATENESS_MS_MIN > 3 * HEARTBEAT_MS && DOWN_PHI > SUSPECT_PHI,
  "two lost heartbeats do not make a suspect",
);
assert(FLAP_MEMORY_MS > 2 * FLAP_HOLD_MS_MAX, "who flaps again after a hold is held back for longer");
assert(HEDGE_QUANTILE > 1 - HEDGE_SHARE, "fewer requests are late than may be hedged, while the latencies are what they were");
assert(HEDGE_MS_MAX < QUORUM_PATIENCE_MS, "a hedge comes before the request that it stands in for is given up");
assert(ADAPTIVE_MOVES_RESERVED < ADAPTIVE_MOVES_PER_HOUR_MAX, "a load may move the quorum, too");
assert(COMPARE_ANSWER_MS < CONTROL_CALL_MS, "an answer to a comparison comes before it is given up");
assert(COMPARE_PAGE <= COMPARE_LOOK_MAX, "what is compared first is one answer");
assert(COMPARE_FAN_OUT <= COMPARE_RANGES_MAX, "the parts of a range that differs are one answer");
assert(WAL_BYTES_MAX >= 2 * WAL_CHECKPOINT_BYTES, "idle moments come first");
assert(REPAIR_ANSWER_MS < CONTROL_CALL_MS / 1.5, "a repair call answers before its caller gives it up");
assert(CEILING_STEP < COUNTER_LEAP_MAX, "a restart never looks like a runaway counter");
assert(
  LISTING_WAIT_MS + FENCE_ANSWER_MS <= REACH_SUPERNODE_MS,
  "a SuperNode that waits for its DataNodes is not taken for a frozen one",
);
assert(LEFT_PARTITION_MS > 2 * MAP_MAX_AGE_MS, "clients have newer maps before what the old ones name is dropped");
assert(SETTLE_FOR_LISTING_MS + FENCE_ANSWER_MS < LISTING_WAIT_MS, "a listing has time to settle what it waits for");
