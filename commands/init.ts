import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {
  BaseCommand,
  countOf,
  DoneProgress,
  formatBytes,
  listBlocked,
  printable,
  shortId,
} from '../src/cli/index.js';

export default class Init extends BaseCommand {
  static override summary = 'Make a folder a share: keys, store, and a first snapshot of what is there.';
  static override description = 'Everything Shoal keeps lies in `.shoal` inside the folder.';
  static override examples = ['<%= config.bin %> init ~/notes --name laptop'];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'the folder; the current one if not given' }),
  };
  static override flags = {
    name: Flags.string({ description: "what this device is called; the machine's name if not given" }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init);
    const { initShare } = await import('../src/share/index.js');
    const progress = new DoneProgress(this.output, { verb: 'read', now: this.now });
    const result = await initShare({
      directory: args.dir ?? process.cwd(),
      name: flags.name,
      now: this.now,
      onProgress: (done) => progress.update(done),
      signal: this.signal,
    });
    this.output.document(result);
    this.output.say(
      `${printable(result.path)} is a share now (${shortId(result.share)}): ${countOf(result.files, 'file')}, ${formatBytes(result.bytes)}.`,
    );
    for (const line of listBlocked(result.blocked)) this.output.say(line);
    this.output.say('Next: run `shoal watch` here, and `shoal invite` for a ticket to another machine.');
  }
}
