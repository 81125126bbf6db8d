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
export function linkTo(path, address, count = 1) {
  const prefix = `${target.base}/${path}`;
  const link = (mail) => urlsIn(mail.text ?? '').find((url) => url.startsWith(prefix));
  return newest(link, address, count, `a link to ${path}`);
}

/** The code in the newest of `count` such mails, once they are there. */
export function codeTo(address, count = 1) {
  return newest((mail) => mail.text?.match(/^\s*(\d{6})\s*$/m)?.[1], address, count, 'a code');
}

/** Waits for a mail about this. */
export function mailAbout(subject, address, count = 1) {
  return newest((mail) => mail.subject === subject && mail, address, count, `the subject "${subject}"`);
}

/** What `find` finds in the newest of `count` mails in which it finds something. */
async function newest(find, address, count, what) {
  const deadline = Date.now() + ARRIVES_WITHIN_MS;
  for (;;) {
    const found = (await mailsTo(address)).map(find).filter(Boolean);
    if (found.length >= count) return found.at(-1);
    if (Date.now() > deadline) assert.fail(`${found.length} of ${count} mails to ${address} have ${what}`);
    await sleep(50);
  }
}

/** That nothing more is sent than these so many mails. */
export async function staysAt(count, address) {
  await sleep(QUIET_MS);
  assert.equal((await mailsTo(address)).length, count, `mails to ${address}`);
}

function urlsIn(text) {
  return text.match(/https?:\/\/[^\s<>"]+/g) ?? [];
}
