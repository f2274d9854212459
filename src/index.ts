/** The public API: for programs that embed Shoal. Everything a command does, without printing. */
export { type ErrorData, isShoalError, ShoalError, type ShoalErrorCode } from './error.js';
export * from './share/index.js';
