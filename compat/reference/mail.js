import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes mails into a folder, an .eml file each, as our mailer does. */
export function sendTo(folder) {
  return async (address, subject, text) => {
    await mkdir(folder, { recursive: true });
    const lines = [
      'From: StellarStack <no-reply@localhost>',
      `To: ${address}`,
      `Subject: ${subject}`,
      `Date: ${new Date().toUTCString()}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      '',
      text,
      '',
    ];
    const name = randomUUID();
    // Readers look for .eml files and must not see half of one.
    await writeFile(join(folder, name), lines.join('\r\n'));
    await rename(join(folder, name), join(folder, `${name}.eml`));
  };
}
