import { join } from 'node:path';
import * as Args from '@oclif/core/args';
import { BaseCommand, exitCodes, loadDemo } from '../src/cli/index.js';

export default class Demo extends BaseCommand {
  static override summary = 'Show three peers on this machine: sync, edit, rename, kill and resume, verify.';
  static override description =
    'Works in a temporary directory, on sample files or on a copy of DIR, and removes it at the end. Takes about 20 seconds and 1 GB of disk.';
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo ~/notes'];
  static override args = {
    dir: Args.string({
      name: 'DIR',
      description: 'the folder to work on a copy of; sample files if not given',
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Demo);
    const { describeDemo, runDemo } = await loadDemo();
    const result = await runDemo({
      source: args.dir,
      program: join(this.config.root, 'bin', 'shoal.js'),
      say: (line) => this.output.say(line),
      progress: (line) => this.output.progress(line),
      now: this.now,
      signal: this.signal,
    });
    this.output.document(result);
    this.output.say('');
    for (const line of describeDemo(result)) this.output.say(line);
    this.exitWith(result.ok ? exitCodes.done : exitCodes.damage);
  }
}
