// Mails, read where the server puts them: one .eml file each.

import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import PostalMime from 'postal-mime';
import { target } from './target.js';

const ARRIVES_WITHIN_MS = 10_000;
/** How long a mail that should not come is waited for. */
const QUIET_MS = 700;

/** Mails to this address, oldest first. */
export async function mailsTo(address) {
  const mails = [];
  for (const name of await readdir(target.outbox).catch(() => [])) {
    if (!name.endsWith('.eml')) continue;
    const path = join(target.outbox, name);
    const source = await readFile(path);
    if (!source.includes(address)) continue;
    const mail = await PostalMime.parse(source);
    if (mail.to?.some((to) => to.address.toLowerCase() === address)) {
      mails.push({ ...mail, at: (await stat(path)).mtimeMs });
    }
  }
  return mails.sort((a, b) => a.at - b.at);
}

/** The link to `path` below /api/auth in the newest of `count` such mails, once they are there. */
export async function linkTo(path, address, count = 1) {
  const deadline = Date.now() + ARRIVES_WITHIN_MS;
  for (;;) {
    const links = await linksTo(path, address);
    if (links.length >= count) return links.at(-1);
    if (Date.now() > deadline) assert.fail(`${links.length} of ${count} mails to ${address} link to ${path}`);
    await sleep(50);
  }
}

/** That nothing more is sent than these so many mails. */
export async function staysAt(count, address) {
  await sleep(QUIET_MS);
  assert.equal((await mailsTo(address)).length, count, `mails to ${address}`);
}

async function linksTo(path, address) {
  const prefix = `${target.base}/${path}`;
  const mails = await mailsTo(address);
  return mails.map((mail) => urlsIn(mail.text ?? '').find((url) => url.startsWith(prefix))).filter(Boolean);
}

function urlsIn(text) {
  return text.match(/https?:\/\/[^\s<>"]+/g) ?? [];
}
