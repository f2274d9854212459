import * as Args from '@oclif/core/args';
import { BaseCommand, countOf } from '../src/cli/index.js';

export default class Approve extends BaseCommand {
  static override summary = 'Let the deletions through that the guard holds.';
  static override description =
    'When more than half of the files vanish at once, their deletion is held until it is approved here.';
  static override examples = ['<%= config.bin %> approve ~/notes'];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Approve);
    const { approveDeletions, findShare } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const { approved } = await approveDeletions(layout, this.now);
    this.output.document({ approved });
    this.output.say(approved === 0 ? 'Nothing was held.' : `${countOf(approved, 'deletion')} let through.`);
  }
}
