// What the tests run against, as told by the environment.

const {
  COMPAT_TARGET, COMPAT_BASE_URL, COMPAT_SUBDOMAIN_ORIGIN, COMPAT_FRONTEND_ORIGIN, COMPAT_OUTBOX, DATABASE_URL,
} = process.env;
if (!COMPAT_BASE_URL) throw new Error('start the tests by compat/run');

export const target = {
  isOurs: COMPAT_TARGET !== 'reference',
  origin: COMPAT_BASE_URL,
  base: `${COMPAT_BASE_URL}/api/auth`,
  frontend: COMPAT_FRONTEND_ORIGIN,
  /** The same server under another name, below the relying party's; trusted. */
  subdomain: COMPAT_SUBDOMAIN_ORIGIN,
  outbox: COMPAT_OUTBOX,
  database: DATABASE_URL,
};

/**
 * What to expect where ours differs from the original on purpose. Every use is
 * a row of the table in docs/compatibility.md.
 */
export function differs({ stellar, reference, why }) {
  if (!why) throw new Error('a difference needs its reason');
  return target.isOurs ? stellar : reference;
}

/** For tests of what the original does not have. */
export const oursOnly = { skip: target.isOurs ? false : 'the original does not have this' };
