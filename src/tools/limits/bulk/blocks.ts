/** What sender and receivers of the bulk limit move at a time: as large as a chunk of qdfs. */
export const BLOCK_BYTES = 4 * 2 ** 20;
