/** The seed of every random test here: fixed, so that a run can be repeated; `SHOAL_SEED` and `SHOAL_RUNS` try others. */
const seed = Number(process.env.SHOAL_SEED ?? 20_250_707);

/** Parameters for fast-check, which prints the seed when a property fails. */
export function runs(numRuns: number): { seed: number; numRuns: number } {
  return { seed, numRuns: Number(process.env.SHOAL_RUNS ?? numRuns) };
}
