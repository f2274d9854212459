// For `node --import`: installs the hooks of `typescript-hooks.js`.
import { register } from 'node:module';

register('./typescript-hooks.js', import.meta.url);
