/**
 * MinCDC, the inner loop (AssemblyScript, WebAssembly SIMD).
 *
 * A cut after `i` bytes has the value `u32(bytes[i-4 .. i]) * multiplier + addend`, little endian and wrapping. The cut
 * is the one with the smallest value among those from `min` to `max`, the earliest where several are smallest.
 * Sixteen neighbouring cuts are valued at once: four loads, one byte apart, hold four windows each.
 *
 * It reads memory between `start` and `start + length` and nothing else, writes nothing and keeps no state.
 * Its meaning is pinned by the plain implementation in test/chunking/ and by golden cut points.
 *
 * @see Peters, MinCDC (docs.rs/mincdc)
 */

/** Cuts valued by one round of the vector loop. */
const laneCuts: usize = 16;
/**
 * Cuts whose values are folded into one minimum before it is compared with the best so far. The winning block is
 * valued once more to find where in it the minimum lies, so a block is small beside the 64 KiB that are searched.
 */
const blockCuts: usize = 1024;

function valueAt(cut: usize, multiplier: u32, addend: u32): u32 {
  return load<u32>(cut - 4) * multiplier + addend;
}

/** The smallest value among the cuts `from ..< to`; their count is a multiple of `laneCuts` and not 0. */
function smallestOf(from: usize, to: usize, multiplier: v128, addend: v128): u32 {
  let smallest = i32x4.splat(-1);
  for (let cut = from; cut < to; cut += laneCuts) {
    const a = i32x4.add(i32x4.mul(v128.load(cut - 4), multiplier), addend);
    const b = i32x4.add(i32x4.mul(v128.load(cut - 3), multiplier), addend);
    const c = i32x4.add(i32x4.mul(v128.load(cut - 2), multiplier), addend);
    const d = i32x4.add(i32x4.mul(v128.load(cut - 1), multiplier), addend);
    smallest = i32x4.min_u(smallest, i32x4.min_u(i32x4.min_u(a, b), i32x4.min_u(c, d)));
  }
  const half = i32x4.min_u(smallest, i8x16.shuffle(smallest, smallest, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return min<u32>(<u32>i32x4.extract_lane(half, 0), <u32>i32x4.extract_lane(half, 1));
}

/**
 * Length in bytes of the first chunk of the `length` bytes at `start`.
 * @param length - all that is left of the input, or at least `cutMax` bytes of it
 * @param cutMin - at least 4
 * @param cutMax - at least `cutMin`
 */
export function firstChunk(start: usize, length: usize, cutMin: usize, cutMax: usize, multiplier: u32, addend: u32): usize {
  if (length <= cutMin) return length;
  const end = start + min(length, cutMax) + 1;
  const multipliers = i32x4.splat(<i32>multiplier);
  const addends = i32x4.splat(<i32>addend);

  let best = valueAt(start + cutMin, multiplier, addend);
  let bestFrom = start + cutMin;
  let from = bestFrom;
  while (from + laneCuts <= end) {
    const to = from + min(blockCuts, (end - from) & ~(laneCuts - 1));
    const smallest = smallestOf(from, to, multipliers, addends);
    if (smallest < best) {
      best = smallest;
      bestFrom = from;
    }
    from = to;
  }
  for (; from < end; from++) {
    const value = valueAt(from, multiplier, addend);
    if (value < best) {
      best = value;
      bestFrom = from;
    }
  }
  while (valueAt(bestFrom, multiplier, addend) != best) bestFrom++;
  return bestFrom - start;
}
