import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, drawQrCode, expiryDaysMax, parseDuration, printable } from '../src/cli/index.js';
import { ShoalError } from '../src/error.js';

export default class Invite extends BaseCommand {
  static override summary = 'Print a ticket with which one other device can join.';
  static override description =
    'The ticket alone goes to stdout, explanations to stderr. It is good for one device. Whoever has it can join: keep it secret.';
  static override examples = [
    '<%= config.bin %> invite',
    '<%= config.bin %> invite --role ro --expires 7d',
    '<%= config.bin %> invite --qr',
  ];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    role: Flags.option({
      options: ['rw', 'ro'] as const,
      default: 'rw',
      description: 'whether the new device may write',
    })(),
    expires: Flags.string({ default: '24h', description: 'how long the ticket is good: 30s, 10m, 24h, 7d' }),
    address: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'HOST:PORT',
      description: "where this device can be reached; this machine's own addresses if not given",
    }),
    qr: Flags.boolean({ description: 'also draw the ticket as a QR code, on the terminal' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Invite);
    const lifetime = parseDuration(flags.expires, { flag: '--expires', daysMax: expiryDaysMax });
    // Before there is a ticket: one that nobody gets to see would stay good until it expires.
    const canvas = flags.qr ? this.#canvas() : undefined;
    const { findShare, invite } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const { ticket, addresses, role, expires } = await invite(layout, {
      role: flags.role,
      expires: this.now() + lifetime,
      addresses: flags.address ?? [],
      now: this.now,
    });
    const until = new Date(expires).toISOString();
    if (this.output.json) this.output.document({ ticket, addresses, role, expires: until });
    else this.output.print(ticket);
    if (canvas !== undefined) this.output.draw(drawQrCode(ticket, canvas));
    this.output.note(
      `Good for one device (${role}) until ${until}, which will dial ${addresses.map(printable).join(', ')}.`,
    );
    this.output.note('There, run `shoal join TICKET DIR` while `shoal watch` runs here.');
  }
  /** @throws ShoalError USAGE: there is no terminal to draw on */
  #canvas(): { readonly columns: number; readonly hasColours: boolean } {
    if (this.output.json) {
      throw new ShoalError(
        'USAGE',
        '--qr draws for people and --json prints for scripts: leave one of them out.',
      );
    }
    const { canvas } = this.output;
    if (canvas !== undefined) return canvas;
    throw new ShoalError(
      'USAGE',
      '--qr needs a terminal to draw on, and neither stdout nor stderr is one: run it in a terminal, or leave --qr out.',
    );
  }
}
