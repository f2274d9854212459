/** Whether `argv` has `flag` before `--`: asked before the arguments are parsed, and when they cannot be. */
export function wantsFlag(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes(flag);
}
