/** The table of commands, by which oclif finds them. */
import Approve from './approve.js';
import Demo from './demo.js';
import Gc from './gc.js';
import Init from './init.js';
import Invite from './invite.js';
import Join from './join.js';
import Status from './status.js';
import Sync from './sync.js';
import Verify from './verify.js';
import Watch from './watch.js';

export const commands = {
  approve: Approve,
  demo: Demo,
  gc: Gc,
  init: Init,
  invite: Invite,
  join: Join,
  status: Status,
  sync: Sync,
  verify: Verify,
  watch: Watch,
};
