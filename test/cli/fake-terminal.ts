/** A stream that remembers what was written to it. */
import type { Terminal } from '../../src/cli/output.js';

export class FakeTerminal implements Terminal {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  text = '';

  constructor(options: { isTTY?: boolean; columns?: number } = {}) {
    this.isTTY = options.isTTY ?? false;
    this.columns = options.columns;
  }

  write(text: string): void {
    this.text += text;
  }
}
