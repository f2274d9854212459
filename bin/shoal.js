#!/usr/bin/env node
const { main } = require('../dist/program/main.cjs');

main(process.argv.slice(2), require.resolve('../package.json'));
