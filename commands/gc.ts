import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {
  BaseCommand,
  CollectProgressLine,
  describeCollect,
  exitCodes,
  keepDaysMax,
  parseDuration,
} from '../src/cli/index.js';

export default class Gc extends BaseCommand {
  static override summary = 'Free what no retained state of the folder needs.';
  static override description =
    'Keeps all states of the last day, then one for each hour of a week, each day of a month and each week of a year. ' +
    'The exit code is 6 if damage kept something from being freed.';
  static override examples = ['<%= config.bin %> gc ~/notes', '<%= config.bin %> gc --keep 30d --json'];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    keep: Flags.string({ description: 'drop states that are older: 12h, 30d', default: '365d' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Gc);
    const keepMs = parseDuration(flags.keep, { flag: '--keep', daysMax: keepDaysMax });
    const { collectGarbage, findShare } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const progress = new CollectProgressLine(this.output, this.now);
    const result = await collectGarbage(layout, {
      keepMs,
      now: this.now,
      onProgress: (done) => progress.update(done),
      signal: this.signal,
    });
    this.output.document(result);
    for (const line of describeCollect(result)) this.output.say(line);
    this.exitWith(result.ok ? exitCodes.done : exitCodes.damage);
  }
}
