import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, exitCodes, parseDuration, printable, shortId, waitDaysMax } from '../src/cli/index.js';

export default class Join extends BaseCommand {
  static override summary = 'Make a folder a replica of the share that a ticket invites to.';
  static override description =
    'Finishes as soon as the inviter answers. If it does not in time, the exit code is 4, and `shoal watch` and `shoal sync` in the folder go on trying.';
  static override examples = ['<%= config.bin %> join shoal1... ~/notes'];
  static override args = {
    ticket: Args.string({ name: 'TICKET', required: true, description: 'what `shoal invite` printed' }),
    dir: Args.string({ name: 'DIR', description: 'the folder; the current one if not given' }),
  };
  static override flags = {
    name: Flags.string({ description: "what this device is called; the machine's name if not given" }),
    wait: Flags.string({ default: '30s', description: 'how long to wait for the inviter: 30s, 10m, 1h' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Join);
    const waitMs = parseDuration(flags.wait, { flag: '--wait', daysMax: waitDaysMax });
    const { joinShare } = await import('../src/share/index.js');
    this.output.progress('waiting for the inviter');
    const result = await joinShare({
      ticket: args.ticket,
      directory: args.dir ?? process.cwd(),
      name: flags.name,
      waitMs,
      now: this.now,
      signal: this.signal,
    });
    const { share, path, joined, role, inviter } = result;
    this.output.document({ share, path, joined, role, inviter });
    if (joined) {
      this.output.say(`${printable(path)} is a member (${role}) of the share ${shortId(share)} now.`);
      this.output.say('Next: run `shoal watch` there, or `shoal sync` for once.');
      return;
    }
    this.output.say(
      `The inviter (${shortId(inviter)}) did not answer yet: run \`shoal watch\` in ${printable(path)}, which goes on trying.`,
    );
    this.exitWith(exitCodes.notConverged);
  }
}
