/**
 * The sizes every chunk obeys, in bytes of plain content. They are part of the format: two devices that
 * disagreed about them would cut the same file differently and share nothing.
 */

/** No chunk is shorter, except the last of a file. */
export const chunkBytesMin = 32 * 1024;
/** What the lengths average on content without long repetitions. */
export const chunkBytesMean = 64 * 1024;
/** No chunk is longer; also the bound of everything that travels and is kept as a chunk. */
export const chunkBytesMax = 96 * 1024;
