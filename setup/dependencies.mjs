// npm run docs: prints docs/dependencies.md.
import { fileURLToPath } from 'node:url';
import { bundledLibraries } from './bundled.mjs';

const libraries = await bundledLibraries(fileURLToPath(new URL('..', import.meta.url)));
const kinds = [...new Set(libraries.map(({ license }) => license))].sort();
const licences = kinds.map((kind) => `${libraries.filter(({ license }) => license === kind).length} ${kind}`);

console.log(`# What others wrote of the box's programs

The parts of \`dist/opq-updater.js\`, \`dist/opq-updater-ui.js\` and the page hold ${libraries.length} libraries beside our own code: ${licences.join(', ')}.
Their licences go along whole in \`/usr/share/doc/opq-box-updater/copyright\` of the Debian package. Nothing of them is loaded at run
time, and none has code that is not JavaScript. This page is made by \`npm run docs\` from what the build really takes.

| library | version | licence | comes with |
| --- | --- | --- | --- |
${libraries.map(({ name, version, license, by }) => `| ${name} | ${version} | ${license} | ${by.join(', ') || 'our own code'} |`).join('\n')}

Lowest versions, below which a hole is publicly known, are a test: \`test/dependencies.test.ts\`.`);
