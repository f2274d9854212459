import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, DoneProgress, describeVerify, exitCodes } from '../src/cli/index.js';

export default class Verify extends BaseCommand {
  static override summary = 'Read and hash files and store again, and say what is damaged or missing.';
  static override description =
    'Checks both unless one of the flags narrows it, and changes nothing. The exit code is 6 if there is damage.';
  static override examples = ['<%= config.bin %> verify ~/notes', '<%= config.bin %> verify --store --json'];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    files: Flags.boolean({ description: 'check the files' }),
    store: Flags.boolean({ description: 'check the store' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Verify);
    const { findShare, verify } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const isWhole = flags.files === flags.store;
    const progress = new DoneProgress(this.output, { verb: 'verified', now: this.now });
    const result = await verify(layout, {
      files: isWhole || flags.files,
      store: isWhole || flags.store,
      now: this.now,
      onProgress: (done) => progress.update(done),
      signal: this.signal,
    });
    this.output.document(result);
    for (const line of describeVerify(result)) this.output.say(line);
    this.exitWith(result.ok ? exitCodes.done : exitCodes.damage);
  }
}
