/** Seeds that ever failed, and why: each stands for a mistake that was mended (README.md has the record). */
export interface FailedSeed {
  readonly seed: number;
  readonly recipe: string;
  readonly why: string;
}

export const FAILED_SEEDS: readonly FailedSeed[] = [
  { seed: 89, recipe: "swarm", why: "a settle was answered with an earlier one of the same file: a stale strong read" },
  { seed: 108, recipe: "swarm", why: "a peer that answered nothing was never given up while calls to it ended sooner" },
  { seed: 23, recipe: "crashes", why: "a put delivered twice was carried out after it had failed for certain" },
  { seed: 222, recipe: "supernode", why: "a complete listing lacked a put whose entry a newer one had replaced in the log" },
  { seed: 36, recipe: "crashes", why: "a complete listing showed an older version, for the same reason" },
  { seed: 26, recipe: "hot", why: "a complete listing showed a removed file, for the same reason" },
  { seed: 1_022_217, recipe: "swarm", why: "a replica that caught up never held what a settle found chosen without it" },
  { seed: 1_029_664, recipe: "duels", why: "the same, among five replicas" },
  { seed: 1_087_964, recipe: "crashes", why: "the same, after a restart" },
  { seed: 1_025_606, recipe: "supernode", why: "an early answer was held to what W would have promised: the check's mistake" },
  {
    seed: 1_090_149,
    recipe: "partitions",
    why: "a given-up attempt was carried out between the last read and the last listing: the check's mistake",
  },
  {
    seed: 3_000_611,
    recipe: "disks",
    why: "an eventual read of a replica that was behind, whose bytes were damaged, found no copy though newer ones were whole",
  },
  {
    seed: 1_221,
    recipe: "grow",
    why: "a coordinator waited a minute for a chunk to be copied, and its file's other operations with it",
  },
  {
    seed: 5_113,
    recipe: "grow",
    why: "an answer that W of one of two sets had given was called for good, by a client that knew one set",
  },
  {
    seed: 20_284,
    recipe: "grow",
    why: "what W of one of two sets had accepted was taken for chosen when that set stood alone, and never settled",
  },
  { seed: 4, recipe: "recovery", why: "who followed a new SuperNode forgot in a restart where it is, and nobody else knew" },
  {
    seed: 41,
    recipe: "recovery",
    why: "a client looked for the SuperNode where its own map had it, and asked no DataNode again",
  },
  {
    seed: 1_283,
    recipe: "grow-recovery",
    why: "one replica that failed left both sets of a joint configuration one short, and nobody else was asked, for ever",
  },
  {
    seed: 1_518,
    recipe: "grow-recovery",
    why: "a recovery waited for ever for a replica that had never heard of its admission",
  },
  {
    seed: 1_379,
    recipe: "grow-recovery",
    why: "the check of I6 looked for the configurations before the newest one right below its number",
  },
  {
    seed: 1_176,
    recipe: "grow-recovery",
    why: "leftovers were looked for sooner than their holder had heard that they are: the check's mistake",
  },
  {
    seed: 3_048,
    recipe: "grow-recovery",
    why: "a DataNode served by a map that had another disk under its number",
  },
  {
    seed: 88,
    recipe: "rot",
    why: "what a node lacked of a partition that it had joined was looked for in the next pass of its scrub only",
  },
  { seed: 173, recipe: "rot", why: "a reader with an older map called a chunk lost whose partition had moved on" },
  {
    seed: 3,
    recipe: "divergence",
    why: "a server took no comparison with other replicas at all, so nothing that a disk had lost came back",
  },
  { seed: 4, recipe: "garbage", why: "a mover waited for ever for a chunk that was collected after the scan" },
  { seed: 210, recipe: "garbage", why: "a new replica could not learn the tombstone that it had called itself ready for" },
  { seed: 5_002, recipe: "garbage", why: "a half-erased tombstone was settled again, with versions whose bytes were gone" },
  { seed: 5_100, recipe: "garbage", why: "the same, and the bytes were nowhere" },
  {
    seed: 4,
    recipe: "quorum",
    why: "a refusal was held to the W in force when it was answered, not to that of where it was recorded: the check's mistake",
  },
  {
    seed: 272,
    recipe: "members",
    why: "with W = N nobody dead was replaced while another replica was held back: a change began only where all were steady",
  },
  {
    seed: 20_468,
    recipe: "members",
    why: "more copies were asked for than nodes were left, one being dead and not given up yet, and no operator added the node that was asked for: the check's mistake",
  },
  {
    seed: 300_236,
    recipe: "members",
    why: "a dead replica was not replaced while the newcomer that was to take its place came and went, though others were there; with W = N nothing was written",
  },
  {
    seed: 545_444,
    recipe: "members",
    why: "operations waited for a dead replica's partition, and that for another's carrying over, a request of which was lost: the check's mistake",
  },
  {
    seed: 555_307,
    recipe: "members",
    why: "the same, with fewer than n nodes that were steady",
  },
  {
    seed: 644_407,
    recipe: "members",
    why: "the same, of an operation that began when there was a quorum again",
  },
  {
    seed: 91_049,
    recipe: "garbage",
    why: "a false alarm of lost data: who was asked whether it held a tombstone was silent, and the file was written anew meanwhile",
  },
  {
    seed: 5_011_707,
    recipe: "all",
    why: "a store deleted a copy that it had doomed, while W others had confirmed the chunk to a late put: the check's mistake",
  },
  {
    seed: 5_003_987,
    recipe: "all",
    why: "who joined a partition beside a node whose disk is no more was to hold all of it, though that change waits for an operator: the check's mistake",
  },
  {
    seed: 5_016_830,
    recipe: "all",
    why: "the search for garbage at the end looked through a store in the middle of a commit: the check's mistake",
  },
  {
    seed: 5_036_421,
    recipe: "all",
    why: "garbage was carried over again and again while a change waited for a node whose disk is no more",
  },
  {
    seed: 5_046_363,
    recipe: "all",
    why: "a false alarm of lost data: who joined a partition again compared itself with the others before everything was brought to it",
  },
  {
    seed: 5_071_581,
    recipe: "all",
    why: "who was admitted and had no map yet was begun again with the address of a SuperNode that lived elsewhere: the check's mistake",
  },
  {
    seed: 7_004_777,
    recipe: "all",
    why: "a mover whose request for chunks was lost waited a minute before it asked again, and the partition's change with it",
  },
  {
    seed: 7_005_764,
    recipe: "all",
    why: "a copy came out damaged between its confirmation and the head that names it: the check's mistake",
  },
  {
    seed: 8_029_021,
    recipe: "all",
    why: "a read returned what a replica had shown before its tombstone was erased, for the others held nothing any more",
  },
  { seed: 8_052_486, recipe: "all", why: "the same" },
  {
    seed: 8_010_717,
    recipe: "all",
    why: "a SuperNode that was replaced refused, for good, a member whom only its successor knew",
  },
  {
    seed: 8_016_189,
    recipe: "all",
    why: "who left a partition late had not the time to drop it that everyone has: the check's mistake",
  },
  { seed: 8_052_586, recipe: "all", why: "the same" },
  {
    seed: 8_070_355,
    recipe: "all",
    why: "a Join of a wiped disk that came late took the address of the DataNode that was there, which nobody reached again",
  },
  {
    seed: 9_509_714,
    recipe: "all",
    why: "a DataNode came to follow a recovery that was broken off after its operator had looked: the check's mistake",
  },
];
