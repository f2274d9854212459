import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, EventLines } from '../src/cli/index.js';

const portMax = 65_535;

export default class Watch extends BaseCommand {
  static override summary = 'Stay, watch the folder, and keep it in sync with the other members.';
  static override description =
    'Prints what happens, one line each; with --json one event a line, each with `event` and `time`. Ends in order, with exit code 0, on SIGINT, SIGTERM, or when nobody reads its output any more; a second signal ends it at once.';
  static override examples = [
    '<%= config.bin %> watch ~/notes',
    '<%= config.bin %> watch --peer 192.168.1.20:22001',
    '<%= config.bin %> watch --limit-up 500KB/s --limit-down 5MB/s',
  ];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    port: Flags.integer({
      min: 1,
      max: portMax,
      description: 'the UDP port; the one in the settings, or the next free one, if not given',
    }),
    peer: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'HOST:PORT',
      description: 'another address to dial',
    }),
    'limit-up': Flags.string({
      helpValue: 'RATE',
      description:
        'the most to send, to all peers together: 500KB/s, 5MB/s, 1.5MiB/s, or none; `limitUp` in the settings if not given',
    }),
    'limit-down': Flags.string({
      helpValue: 'RATE',
      description: 'the most to receive, from all peers together; `limitDown` in the settings if not given',
    }),
  };

  protected override get endsByInterrupt(): boolean {
    return true;
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Watch);
    const { findShare, parseAddress, parseRate, watchShare } = await import('../src/share/index.js');
    const peers = (flags.peer ?? []).map(parseAddress);
    const limits = { limitUp: flags['limit-up'], limitDown: flags['limit-down'] };
    if (limits.limitUp !== undefined) parseRate(limits.limitUp, { name: '--limit-up' });
    if (limits.limitDown !== undefined) parseRate(limits.limitDown, { name: '--limit-down' });
    const layout = await findShare(args.dir ?? process.cwd());
    const lines = new EventLines(this.output, this.now);
    const onReaderGone = (): void => this.interrupt.trigger();
    process.stdout.once('error', onReaderGone);
    try {
      await watchShare(layout, {
        port: flags.port,
        peers,
        ...limits,
        now: this.now,
        random: Math.random,
        listener: (event) => lines.write(event),
        signal: this.signal,
      });
    } finally {
      process.stdout.off('error', onReaderGone);
    }
  }
}
