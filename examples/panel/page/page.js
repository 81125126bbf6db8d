// A page that signs people in, by the official client and nothing else.

import { passkeyClient } from '@better-auth/passkey/client';
import { createAuthClient } from 'better-auth/client';
import { twoFactorClient } from 'better-auth/client/plugins';

const auth = createAuthClient({
  plugins: [passkeyClient(), twoFactorClient({ onTwoFactorRedirect: () => show('factor-owed') })],
});

const element = (id) => document.getElementById(id);

function show(id) {
  for (const section of document.querySelectorAll('section')) section.hidden = section.id !== id;
}

/** Says what became of a call, and hands on what it gave. */
function told({ data, error }) {
  element('status').textContent = error ? `${error.code ?? error.status}: ${error.message}` : 'Done.';
  element('status').classList.toggle('is-error', Boolean(error));
  return data;
}

/** What was typed into a form, by name; a box is true or false. */
function typed(form) {
  const inputs = [...form.elements].filter((input) => input.name);
  return Object.fromEntries(inputs.map((input) => [input.name, input.type === 'checkbox' ? input.checked : input.value]));
}

function onSubmit(id, act) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    act(typed(event.target), event.target);
  });
}

function onClick(id, act) {
  element(id).addEventListener('click', act);
}

/** Shows what belongs to whoever is signed in. */
async function refresh() {
  const { data: current } = await auth.getSession();
  if (!current) {
    show('signed-out');
    return offerPasskeys();
  }
  element('who').textContent = current.user.email;
  show('signed-in');
  await Promise.all([listAccounts(), listPasskeys()]);
}

async function listAccounts() {
  const { data } = await auth.listAccounts();
  element('accounts').replaceChildren(...(data ?? []).map(({ id, providerId }) => {
    const item = document.createElement('li');
    item.append(providerId, button('Remove', async () => {
      told(await auth.unlinkAccount({ accountId: id }));
      await listAccounts();
    }));
    return item;
  }));
}

/** Goes on from a sign-in, unless a second factor is owed: then its form is there already. */
async function goOn(data) {
  if (data && !data.twoFactorRedirect) await refresh();
}

/** The browser offers passkeys where it fills in the e-mail, for as long as the page waits. */
async function offerPasskeys() {
  if (!(await window.PublicKeyCredential?.isConditionalMediationAvailable?.())) return;
  const { data } = await auth.signIn.passkey({ autoFill: true });
  // Given up when another sign-in begins; nothing to tell.
  await goOn(data);
}

async function listPasskeys() {
  const passkeys = (await auth.$fetch('/passkey/list-user-passkeys')).data ?? [];
  element('passkeys').replaceChildren(...passkeys.map(passkeyItem));
}

function passkeyItem({ id, name }) {
  const item = document.createElement('li');
  item.append(
    name ?? 'a passkey',
    button('Rename', async () => {
      const answer = prompt('Name of the passkey', name ?? '');
      if (answer) told(await auth.passkey.updatePasskey({ id, name: answer }));
      await listPasskeys();
    }),
    button('Delete', async () => {
      told(await auth.passkey.deletePasskey({ id }));
      await listPasskeys();
    }),
  );
  return item;
}

function button(text, act) {
  const made = document.createElement('button');
  made.textContent = text;
  made.addEventListener('click', act);
  return made;
}

onSubmit('sign-up', async (person) => {
  await goOn(told(await auth.signUp.email(person)));
});

onSubmit('sign-in', async (person) => {
  await goOn(told(await auth.signIn.email(person)));
});

onClick('sign-in-with-passkey', async () => {
  await goOn(told(await auth.signIn.passkey()));
});

// The client itself sends the browser to the provider, which sends it back here.
const here = location.pathname;
const back = { callbackURL: here, errorCallbackURL: here };

for (const start of document.querySelectorAll('[data-sign-in-with]')) {
  start.addEventListener('click', async () => told(await auth.signIn.social({ provider: start.dataset.signInWith, ...back })));
}

for (const start of document.querySelectorAll('[data-add]')) {
  start.addEventListener('click', async () => told(await auth.linkSocial({ provider: start.dataset.add, ...back })));
}

onSubmit('give-code', async (given) => {
  await goOn(told(await auth.twoFactor.verifyTotp(given)));
});

onSubmit('add-passkey', async ({ name }) => {
  told(await auth.passkey.addPasskey({ name }));
  await listPasskeys();
});

onSubmit('enable-app', async (asked, form) => {
  const enabled = told(await auth.twoFactor.enable(asked));
  if (!enabled) return;
  form.reset();
  element('app-address').href = enabled.totpURI;
  element('qr-code').src = `/api/auth/two-factor/qr-code?${Date.now()}`;
  element('backup-codes').replaceChildren(...enabled.backupCodes.map((code) => {
    const item = document.createElement('li');
    item.textContent = code;
    return item;
  }));
  element('confirm-app').hidden = false;
});

onSubmit('confirm-app', async (given, form) => {
  if (told(await auth.twoFactor.verifyTotp(given))) form.hidden = true;
  form.reset();
});

onClick('sign-out', async () => {
  told(await auth.signOut());
  await refresh();
});

/** What a provider's detour came to is in the query. */
async function arrive() {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, '', here);
  if (query.has('error')) told({ error: { code: query.get('error'), message: query.get('error_description') ?? '' } });
  if (query.has('twoFactorRedirect')) show('factor-owed');
  else await refresh();
}

await arrive();
