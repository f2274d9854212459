/** What `shoal demo` runs and prints. Loaded only then. */
export { describeDemo } from './demo-lines.js';
export { type DemoResult, runDemo } from './run-demo.js';
