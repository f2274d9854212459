/**
 * Where a command's words go. Normally everything for people goes to stdout; with `--json` stdout belongs to the
 * document, and people read stderr. Colours and the progress line appear only on a terminal and never with NO_COLOR.
 */
import { styleText } from 'node:util';

/** What is needed of `process.stdout` and `process.stderr`. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface OutputOptions {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

const columnsDefault = 80;
const eraseLine = '\r\u001b[2K';

export class Output {
  readonly json: boolean;
  readonly #stdout: Terminal;
  readonly #stderr: Terminal;
  readonly #isPlain: boolean;
  #hasProgress = false;

  constructor({ stdout, stderr, json, env }: OutputOptions) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#isPlain = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  }

  /** Whether `progress` shows anything. */
  get showsProgress(): boolean {
    return this.#stderr.isTTY === true && !this.#isPlain;
  }

  /** A line of the result for people. */
  say(line: string): void {
    this.#line(this.json ? this.#stderr : this.#stdout, line);
  }

  /** A line about the work, never part of a result: always on stderr. */
  note(line: string): void {
    this.#line(this.#stderr, line);
  }

  /** A line of the result for scripts: on stdout in any case. */
  print(line: string): void {
    this.#line(this.#stdout, line);
  }

  /** The result as one line of JSON, if `--json` was given. */
  document(value: unknown): void {
    if (this.json) this.#line(this.#stdout, JSON.stringify(value));
  }

  /** Rewrites the progress line, if there is one to show. Cut to the terminal's width. */
  progress(text: string): void {
    if (!this.showsProgress) return;
    const width = (this.#stderr.columns ?? columnsDefault) - 1;
    this.#stderr.write(`${eraseLine}${[...text].slice(0, width).join('')}`);
    this.#hasProgress = true;
  }

  clearProgress(): void {
    if (!this.#hasProgress) return;
    this.#stderr.write(eraseLine);
    this.#hasProgress = false;
  }

  /**
   * The terminal on which something can be drawn for people beside the result; undefined if there is none. That is
   * stderr, as stdout may be read by a script while stderr is not.
   */
  get canvas(): { readonly columns: number; readonly hasColours: boolean } | undefined {
    const stream = this.#canvasStream;
    // A terminal that does not know its size says 0.
    return stream && { columns: stream.columns || columnsDefault, hasColours: !this.#isPlain };
  }

  /** Lines for `canvas`; dropped if there is none. */
  draw(lines: readonly string[]): void {
    const stream = this.#canvasStream;
    if (stream !== undefined) for (const line of lines) this.#line(stream, line);
  }

  /** `text` in a style, where lines that are said may have one. */
  paint(style: Style, text: string): string {
    const stream = this.json ? this.#stderr : this.#stdout;
    return stream.isTTY === true && !this.#isPlain ? styleText(style, text, { validateStream: false }) : text;
  }

  get #canvasStream(): Terminal | undefined {
    if (this.#stderr.isTTY === true) return this.#stderr;
    return this.#stdout.isTTY === true && !this.json ? this.#stdout : undefined;
  }

  #line(stream: Terminal, line: string): void {
    this.clearProgress();
    stream.write(`${line}\n`);
  }
}
