// A Better Auth server of its own for one test, on the stack's database and under its
// secret. What it writes is in the schema public, where a Better Auth has it.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { target } from './target.js';

const STARTS_WITHIN_MS = 15_000;

/** Runs `act` with the origin of a running server, which is gone afterwards. */
export async function withOriginal(act) {
  const url = `http://localhost:${await freePort()}`;
  const env = {
    ...process.env,
    API_URL: url,
    FRONTEND_URL: target.frontend,
    BETTER_AUTH_SECRET: await secretOfStack(),
    OUTBOX: join(process.env.STELLAR_STACK_DIR, 'original-outbox'),
    NODE_ENV: 'development',
  };
  const script = new URL('../reference/server.js', import.meta.url).pathname;
  const server = spawn(process.execPath, [script], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await started(server, url);
    return await act(url);
  } finally {
    server.kill('SIGKILL');
  }
}

async function started(server, url) {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  while (!(await fetch(`${url}/health`).then(({ ok }) => ok, () => false))) {
    if (server.exitCode !== null || Date.now() > deadline) throw new Error('the original does not start');
    await sleep(50);
  }
}

async function secretOfStack() {
  const secrets = await readFile(join(process.env.STELLAR_STACK_DIR, 'secrets.json'), 'utf8');
  return JSON.parse(secrets).better_auth_secret;
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
