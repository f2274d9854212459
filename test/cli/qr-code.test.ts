/**
 * Shows that what is drawn is the code: the drawing is read back as a camera sees it, module by module, on a dark and
 * on a light terminal, and compared with what the encoder made. And that no code is drawn that could not scan.
 */
import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { drawQrCode } from '../../src/cli/qr-code.js';

const ticket = `shoal1${'hwFYIH1Pj9EMk3AsJ5qtjXCaHXHPcI8uMZdJipyWXP3TETP9WCBGL8GAd2NqkaGl1'.repeat(3)}`;
const quiet = 4;

/** Which half-modules shine, row by row, when blocks are drawn in `ink` on `ground` (true: light). */
function seen(lines: readonly string[], { ink, ground }: { ink: boolean; ground: boolean }): boolean[][] {
  return lines.flatMap((line) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape codes are what is taken off
    const blocks = [...line.replace(/\u001b\[[0-9;]*m/g, '')];
    return [
      blocks.map((block) => (block === '█' || block === '▀' ? ink : ground)),
      blocks.map((block) => (block === '█' || block === '▄' ? ink : ground)),
    ];
  });
}

function expectCode(light: readonly (readonly boolean[])[]): void {
  const { data, size } = encode(ticket, { ecc: 'L', border: 0 });
  for (const [row, modules] of light.entries()) {
    expect(modules).toHaveLength(size + 2 * quiet);
    for (const [column, isLight] of modules.entries())
      expect(isLight).toBe(data[row - quiet]?.[column - quiet] !== true);
  }
  expect(light.length).toBeGreaterThanOrEqual(size + 2 * quiet);
}

describe('drawQrCode', () => {
  it('brings its own colours: dark modules on light ground, with a quiet zone of 4, on any terminal', () => {
    const lines = drawQrCode(ticket, { columns: 80, hasColours: true });
    for (const line of lines) {
      expect(line.startsWith('\u001b[38;5;16;48;5;231m')).toBe(true);
      expect(line.endsWith('\u001b[0m')).toBe(true);
    }
    expectCode(seen(lines, { ink: false, ground: true }));
  });

  it('without colours draws the light modules, for a dark terminal', () => {
    const lines = drawQrCode(ticket, { columns: 80, hasColours: false });
    expect(lines.join('')).not.toContain('\u001b');
    expectCode(seen(lines, { ink: true, ground: false }));
  });

  it('says why there is none where lines would wrap, or the text is too long', () => {
    expect(drawQrCode(ticket, { columns: 40, hasColours: true })).toEqual([
      expect.stringMatching(/^No QR code: it is \d\d columns wide and the terminal 40\. /),
    ]);
    expect(drawQrCode('a'.repeat(4096), { columns: 400, hasColours: true })).toEqual([
      expect.stringMatching(/^No QR code: the ticket is longer/),
    ]);
  });
});
