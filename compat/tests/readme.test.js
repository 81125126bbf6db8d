import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

const here = new URL('.', import.meta.url);
const REASON = /why: (?:'([^']*)'|"([^"]*)")/g;

test('the table of differences has every reason once', async () => {
  const page = await readFile(new URL('../../docs/compatibility.md', here), 'utf8');
  const listed = page.match(/^\| .* \|$/gm).map((row) => row.split('|').at(-2).trim());
  const given = new Set();
  for (const file of await readdir(here, { recursive: true })) {
    if (!file.endsWith('.test.js')) continue;
    const source = await readFile(new URL(file, here), 'utf8');
    for (const [, single, double] of source.matchAll(REASON)) given.add(single ?? double);
  }
  given.delete(undefined);
  for (const why of given) assert.equal(listed.filter((reason) => reason === why).length, 1, why);
});
