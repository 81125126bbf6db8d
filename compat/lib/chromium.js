// A real browser, and the authenticator that is built into it.

import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { Authenticator } from './authenticator.js';
import { freshEmail, PASSWORD } from './people.js';
import { target } from './target.js';

const PATIENCE_MS = 10_000;
const PAGE = '/page/index.html';

let browser;

/** To be called once in a test file: the browser is there for its tests. */
export function useChromium() {
  before(async () => {
    const executablePath = process.env.COMPAT_CHROMIUM;
    // Its sandbox does not work for root.
    browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0 });
  });
  after(() => browser?.close());
}

/** Somebody at a browser with cookies and an authenticator of its own. */
export class Visitor {
  /**
   * With `autofill` the browser offers passkeys where the e-mail is filled in, and its
   * authenticator takes the first offer at once. Most tests choose for themselves.
   */
  static async arrive({ autofill = false } = {}) {
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    if (!autofill) await context.addInitScript(hasNoAutofill);
    const page = await context.newPage();
    const visitor = new Visitor();
    Object.assign(visitor, { context, page, passkeys: await Passkeys.pluggedInto(context, page) });
    await visitor.open();
    return visitor;
  }

  async open(origin = target.origin) {
    await this.page.goto(origin + PAGE);
  }

  /** Signs up as somebody new, by the form. */
  async signUp() {
    this.email = freshEmail();
    await this.page.getByLabel('Name', { exact: true }).fill('Ann');
    await this.page.getByLabel('New e-mail').fill(this.email);
    await this.page.getByLabel('New password').fill(PASSWORD);
    await this.press('Sign up');
    await this.isSignedIn();
    this.user = (await this.session()).user;
  }

  /** Fills in the e-mail and the password, and sends them. */
  async giveThePassword() {
    await this.page.getByLabel('E-mail', { exact: true }).fill(this.email);
    await this.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await this.press('Sign in');
  }

  async signOut() {
    await this.press('Sign out');
    await this.isSignedOut();
  }

  /** Begins to set up an app, which scans what the page shows. */
  async setUpApp() {
    await this.page.getByLabel('Your password').fill(PASSWORD);
    await this.press('Set up an app');
    const link = this.page.getByRole('link', { name: 'Open in an app' });
    await link.waitFor();
    this.app = new Authenticator(this.user, await link.getAttribute('href'));
  }

  async confirmApp() {
    await this.page.getByLabel('First code').fill(await this.app.code());
    await this.press('Confirm');
    await this.page.getByLabel('First code').waitFor({ state: 'hidden' });
  }

  async giveCode(code) {
    await this.page.getByLabel('Code', { exact: true }).fill(code);
    await this.press('Continue');
  }

  isAskedForCode() {
    return this.page.getByRole('heading', { name: 'One more step' }).waitFor();
  }

  async addPasskey(name) {
    await this.page.getByLabel('Name of the passkey').fill(name);
    await this.press('Add a passkey');
  }

  press(name) {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  isSignedIn() {
    return this.page.getByText(`Signed in as ${this.email}`).waitFor();
  }

  isSignedOut() {
    return this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  /** Waits until the page says this, as it does of refusals by their code. */
  isTold(what) {
    return this.page.getByRole('status').filter({ hasText: what }).waitFor();
  }

  /** What the page itself can learn of its session. */
  session() {
    return this.page.evaluate(async () => (await fetch('/api/auth/get-session')).json());
  }

  leave() {
    return this.context.close();
  }
}

/** As in browsers that have none. */
function hasNoAutofill() {
  if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
}

/** The browser's virtual authenticator, which keeps passkeys and checks its user. */
export class Passkeys {
  #cdp;
  #id;

  static async pluggedInto(context, page) {
    const passkeys = new Passkeys();
    passkeys.#cdp = await context.newCDPSession(page);
    await passkeys.#cdp.send('WebAuthn.enable');
    await passkeys.plugIn();
    return passkeys;
  }

  /** Another one in its place, empty. */
  async plugIn(options = {}) {
    if (this.#id) await this.#send('removeVirtualAuthenticator');
    const { authenticatorId } = await this.#cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
        ...options,
      },
    });
    this.#id = authenticatorId;
  }

  /** Whether whoever asks finds its user there. */
  setPresence(enabled) {
    return this.#send('setAutomaticPresenceSimulation', { enabled });
  }

  /** What is on it, private keys included. */
  async all() {
    return (await this.#send('getCredentials')).credentials;
  }

  put(credential) {
    return this.#send('addCredential', { credential });
  }

  #send(command, more) {
    return this.#cdp.send(`WebAuthn.${command}`, { authenticatorId: this.#id, ...more });
  }
}
