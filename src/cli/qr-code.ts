/**
 * QR codes for terminals: two rows of modules in one line of half blocks, with the quiet zone of four modules that
 * the standard (ISO/IEC 18004) asks for, because scanners do lose a code that touches other text.
 *
 * Many scanners take only dark modules on light ground. With colours the code brings its own black and white,
 * so it scans on any terminal; without them the light modules are drawn, which is right on a dark terminal.
 * The one file that knows the package `uqr`.
 */
import { encode } from 'uqr';

export interface QrCodeOptions {
  /** Width of the terminal. */
  readonly columns: number;
  /** Whether escape codes for colours may be used. */
  readonly hasColours: boolean;
}

const quietModules = 4;
/** The bytes that the largest code (version 40, correction level L) holds. */
const textBytesMax = 2953;
/** Black on white of the fixed part of the 256 colours: the first 16 are the user's to change. */
const blackOnWhite = '\u001b[38;5;16;48;5;231m';
const reset = '\u001b[0m';

/** @returns lines, each of the code's width; one sentence instead if there is no code: broken lines would not scan */
export function drawQrCode(text: string, { columns, hasColours }: QrCodeOptions): string[] {
  if (Buffer.byteLength(text) > textBytesMax) {
    return [
      `No QR code: the ticket is longer than the ${textBytesMax} bytes that one holds. Name fewer addresses with --address.`,
    ];
  }
  const { data, size } = encode(text, { ecc: 'L', border: quietModules });
  if (size > columns) {
    return [
      `No QR code: it is ${size} columns wide and the terminal ${columns}. Widen the terminal, or make its font smaller, and invite again.`,
    ];
  }
  // Below the last row, if their number is odd, the ground goes on.
  const isDark = (row: number, column: number): boolean => data[row]?.[column] === true;
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = '';
    for (let column = 0; column < size; column++) {
      const upper = isDark(row, column) === hasColours;
      const lower = isDark(row + 1, column) === hasColours;
      line += block(upper, lower);
    }
    lines.push(hasColours ? `${blackOnWhite}${line}${reset}` : line);
  }
  return lines;
}

function block(upper: boolean, lower: boolean): string {
  if (upper) return lower ? '█' : '▀';
  return lower ? '▄' : ' ';
}
