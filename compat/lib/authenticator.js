// An authenticator app: what it scans, and what it shows.

import assert from 'node:assert/strict';
import { generateSync } from 'otplib';
import { letCodesPass } from './database.js';

const PERIOD_S = 30;

export class Authenticator {
  #user;
  #secret;

  /** Scans the address for this user. */
  constructor(user, uri) {
    this.#user = user;
    this.uri = new URL(uri);
    this.#secret = this.uri.searchParams.get('secret');
    assert.match(this.#secret, /^[A-Z2-7]{52}$/);
  }

  /**
   * A code that was not used before. Nobody waits for the next one: what was used
   * counts as long ago.
   */
  async code() {
    await letCodesPass(this.#user.id);
    return this.shows();
  }

  /** What it shows, or did so many steps ago, used or not. */
  shows(steps = 0) {
    const epoch = Math.floor(Date.now() / 1000) + steps * PERIOD_S;
    return generateSync({ secret: this.#secret, epoch });
  }

  /** Six digits that it shows neither now nor a few steps before or after. */
  wrongCode() {
    const shown = [-3, -2, -1, 0, 1, 2, 3].map((steps) => this.shows(steps));
    for (let number = 0; ; number++) {
      const code = String(number).padStart(6, '0');
      if (!shown.includes(code)) return code;
    }
  }
}
