// An OpenID provider in Google's place: `oidc-provider`, which is certified for OpenID
// Connect, with its own pages for signing in and agreeing.

import { once } from 'node:events';
import { after, before } from 'node:test';
import Provider from 'oidc-provider';
import { target } from './target.js';

const { COMPAT_ISSUER } = process.env;

/** Who is who there, by what they type as their login. */
const people = new Map();

/** Somebody at the provider; `claims` are what it says of them. */
export function knows(login, claims) {
  people.set(login, claims);
}

const configuration = {
  clients: [
    {
      client_id: 'compat',
      client_secret: 'compat-client-secret',
      redirect_uris: [`${target.base}/callback/google`],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
  // Google puts them into the id token, too.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
  cookies: { keys: ['only for tests'] },
};

/** To be called once in a test file: the provider is there for its tests. */
export function useOpenId() {
  let server;
  before(async () => {
    const { hostname, port } = new URL(COMPAT_ISSUER);
    server = new Provider(COMPAT_ISSUER, configuration).listen(Number(port), hostname);
    await once(server, 'listening');
  });
  after(() => {
    server?.close();
    // The browser and identity-svc keep theirs open.
    server?.closeAllConnections();
  });
}

/** Signs in on the provider's pages, and agrees. */
export async function agree(page, login) {
  await page.getByPlaceholder('Enter any login').fill(login);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
}

export function cancel(page) {
  return page.getByRole('link', { name: '[ Cancel ]' }).click();
}
