import * as Args from '@oclif/core/args';
import { BaseCommand, describeStatus } from '../src/cli/index.js';

export default class Status extends BaseCommand {
  static override summary = 'Show root, totals, store, peers, conflicts, and what is blocked or held.';
  static override description =
    'The exit code is 0 whenever the status could be read: whether all is in sync stands in the output.';
  static override examples = ['<%= config.bin %> status ~/notes', '<%= config.bin %> status --json'];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Status);
    const { findShare, shareStatus } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const status = await shareStatus(layout, this.now);
    if (this.output.json) {
      this.output.document(status);
      return;
    }
    const view = {
      path: layout.root,
      now: this.now(),
      paint: this.output.paint.bind(this.output),
    };
    for (const line of describeStatus(status, view)) this.output.say(line);
  }
}
