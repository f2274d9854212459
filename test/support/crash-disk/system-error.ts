/** Errors as Node makes them of the system's. */
const numbers: Readonly<Record<string, number>> = {
  ENOENT: -2,
  EIO: -5,
  EBADF: -9,
  EEXIST: -17,
  ENOTDIR: -20,
  EISDIR: -21,
  EINVAL: -22,
  EMFILE: -24,
  ENOSPC: -28,
  ENOTEMPTY: -39,
  ELOOP: -40,
};

export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code, errno: numbers[code] ?? -1, path });
}
