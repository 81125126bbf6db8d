// The original: a Better Auth server configured as StellarStack configures it,
// and, where a switch of ours turns something on that StellarStack leaves off,
// as ours does it. The tests run against it too, so that what they expect of
// ours is known to be what the original does.

import { passkey } from '@better-auth/passkey';
import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import bcrypt from 'bcryptjs';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { admin, bearer, twoFactor } from 'better-auth/plugins';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import pg from 'pg';
import { sendTo } from './mail.js';

const { API_URL, FRONTEND_URL, BETTER_AUTH_SECRET, DATABASE_URL, OUTBOX, NODE_ENV } = process.env;
// As ours takes it: further origins, and the API's own for pages behind the gateway.
const PAGES = [FRONTEND_URL, API_URL, ...(process.env.BETTER_AUTH_TRUSTED_ORIGINS ?? '').split(',').filter(Boolean)];
const BCRYPT_COST = 10;
const send = sendTo(OUTBOX);

const options = {
  appName: 'StellarStack',
  baseURL: API_URL,
  secret: BETTER_AUTH_SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL }),
  trustedOrigins: PAGES,
  telemetry: { enabled: false },
  emailAndPassword: {
    enabled: true,
    minPasswordLength: 8,
    maxPasswordLength: 128,
    requireEmailVerification: NODE_ENV === 'production',
    password: {
      hash: (password) => bcrypt.hash(password, BCRYPT_COST),
      verify: ({ hash, password }) => bcrypt.compare(password, hash),
    },
    sendResetPassword: ({ user, url }) => send(user.email, 'Reset your password', url),
  },
  emailVerification: {
    sendVerificationEmail: ({ user, url }) => send(user.email, 'Verify your email', url),
  },
  user: {
    additionalFields: {
      role: { type: 'string', defaultValue: 'user', required: false, input: false },
      banned: { type: 'boolean', defaultValue: false, required: false, input: false },
    },
    changeEmail: {
      enabled: process.env.AUTH_CHANGE_EMAIL === 'true',
      sendChangeEmailConfirmation: ({ user, url }) => send(user.email, 'Change your email', url),
    },
    deleteUser: {
      enabled: process.env.AUTH_DELETE_USER === 'true',
      sendDeleteAccountVerification: ({ user, url }) => send(user.email, 'Delete your account', url),
    },
  },
  plugins: [
    admin(),
    twoFactor({
      issuer: 'StellarStack',
      otpOptions: { sendOTP: ({ user, otp }) => send(user.email, 'Your code', otp) },
    }),
    ...(process.env.AUTH_BEARER === 'true' ? [bearer({ requireSignature: true })] : []),
    passkey({ rpID: 'localhost', rpName: 'StellarStack', origin: PAGES }),
  ],
};

const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);

const app = new Hono();
app.use('*', cors({ origin: FRONTEND_URL, credentials: true }));
app.get('/health', (c) => c.json({ status: 'ok', timestamp: new Date().toISOString() }));
app.use('/page/*', serveStatic({ root: process.env.PAGE_DIR, rewriteRequestPath: (path) => path.replace('/page', '') }));
app.on(['GET', 'POST'], '/api/auth/*', (c) => auth.handler(c.req.raw));
app.notFound((c) => c.json({ error: 'Not found' }, 404));

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(new URL(API_URL).port) });
process.on('SIGTERM', () => server.close(() => process.exit(0)));
