import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import { newAdmin, ok, refused } from '../lib/people.js';
import { isError, isUser } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

// Others live in the same database, so ours have a mark.
const MARK = randomBytes(6).toString('hex');
const NAMES = ['Carol', 'Alice', 'Dave', 'Bob'];
const EMAIL_OF = Object.fromEntries(NAMES.map((name) => [name, `${name.toLowerCase()}.${MARK}@example.com`]));
let boss;

before(async () => {
  boss = await newAdmin();
  for (const name of NAMES) {
    const role = name === 'Dave' ? 'admin' : 'user';
    const data = { emailVerified: name === 'Bob' };
    ok(await boss.client.admin.createUser({ email: EMAIL_OF[name], name: `${name} ${MARK}`, role, data }));
  }
});

async function list(query) {
  return ok(await boss.client.admin.listUsers({ query }));
}

/** The marked ones that match. */
async function names(query) {
  const { users } = await list({ searchField: 'name', searchValue: MARK, sortBy: 'name', ...query });
  return users.map(({ name }) => name.split(' ')[0]);
}

test('everybody is listed', async () => {
  const { users, total, ...rest } = await list({});
  assert.deepEqual(rest, {});
  assert.ok(users.length >= NAMES.length + 1);
  assert.ok(users.length === 100 ? total >= 100 : total === users.length);
  users.forEach(isUser);
});

test('by a search', async () => {
  for (const [query, expected] of [
    [{ searchValue: MARK }, ['Alice', 'Bob', 'Carol', 'Dave']],
    [{ searchValue: `ob ${MARK}` }, ['Bob']],
    [{ searchValue: `Alice ${MARK}`, searchOperator: 'starts_with' }, ['Alice']],
    [{ searchValue: `lice ${MARK}`, searchOperator: 'starts_with' }, []],
    [{ searchValue: `ol ${MARK}`, searchOperator: 'ends_with' }, ['Carol']],
    [{ searchField: 'email', searchValue: `dave.${MARK}` }, ['Dave']],
    [{ searchField: 'email', searchValue: `e.${MARK}@example.com`, searchOperator: 'ends_with' }, ['Alice', 'Dave']],
  ]) {
    assert.deepEqual(await names(query), expected, JSON.stringify(query));
  }
  const { users } = await list({ searchValue: EMAIL_OF.Bob });
  assert.deepEqual(users.map(({ email }) => email), [EMAIL_OF.Bob]);
});

test('% and _ in a search', async () => {
  const found = await names({ searchValue: `B_b ${MARK}` });
  assert.deepEqual(found, differs({ stellar: [], reference: ['Bob'], why: 'a search is for what was typed' }));
});

test('by a filter', async () => {
  for (const [query, expected] of [
    [{ filterField: 'role', filterValue: 'admin' }, ['Dave']],
    [{ filterField: 'role', filterValue: 'admin', filterOperator: 'ne' }, ['Alice', 'Bob', 'Carol']],
    [{ filterField: 'emailVerified', filterValue: 'true' }, ['Bob']],
    [{ filterField: 'emailVerified', filterValue: true }, ['Bob']],
    [{ filterField: 'name', filterValue: `Bob ${MARK}`, filterOperator: 'lte' }, ['Alice', 'Bob']],
    [{ filterField: 'name', filterValue: `Bob ${MARK}`, filterOperator: 'gt' }, ['Carol', 'Dave']],
    [{ filterField: 'name', filterValue: 'A', filterOperator: 'starts_with' }, ['Alice']],
    [{ filterField: 'name', filterValue: `e ${MARK}`, filterOperator: 'ends_with' }, ['Alice', 'Dave']],
    [{ filterField: 'email', filterValue: 'carol', filterOperator: 'contains' }, ['Carol']],
    [{ filterValue: EMAIL_OF.Carol }, ['Carol']],
    [{ filterField: 'email', filterValue: [EMAIL_OF.Carol, EMAIL_OF.Bob], filterOperator: 'in' }, ['Bob', 'Carol']],
    [{ filterField: 'email', filterValue: [EMAIL_OF.Carol, EMAIL_OF.Bob], filterOperator: 'not_in' }, ['Alice', 'Dave']],
    [{ filterField: 'createdAt', filterValue: '2001-01-01T00:00:00.000Z', filterOperator: 'lt' }, []],
    [{ filterField: 'createdAt', filterValue: '2001-01-01', filterOperator: 'gt' }, ['Alice', 'Bob', 'Carol', 'Dave']],
  ]) {
    assert.deepEqual(await names(query), expected, JSON.stringify(query));
  }
});

test('a single value for `in`', async () => {
  const found = await names({ filterField: 'email', filterValue: EMAIL_OF.Bob, filterOperator: 'in' });
  assert.deepEqual(found, differs({ stellar: ['Bob'], reference: [], why: 'a list may have one element' }));
});

test('sorted', async () => {
  assert.deepEqual(await names({ sortDirection: 'desc' }), ['Dave', 'Carol', 'Bob', 'Alice']);
  assert.deepEqual(await names({ sortBy: 'createdAt' }), NAMES);
  assert.deepEqual(await names({ sortBy: 'email', sortDirection: 'asc' }), ['Alice', 'Bob', 'Carol', 'Dave']);
});

test('in pages', async () => {
  assert.deepEqual(await names({ limit: 2 }), ['Alice', 'Bob']);
  assert.deepEqual(await names({ limit: '2', offset: 2 }), ['Carol', 'Dave']);
  assert.deepEqual(await names({ limit: 2, offset: 10 }), []);
  const page = await list({ searchField: 'name', searchValue: MARK, limit: 2, offset: 1 });
  assert.deepEqual([page.total, page.limit, page.offset, page.users.length], [4, 2, 1, 2]);
  const first = await list({ searchField: 'name', searchValue: MARK, limit: 2 });
  assert.deepEqual(Object.keys(first).sort(), ['limit', 'total', 'users']);
  assert.deepEqual(await names({ limit: 0 }), ['Alice', 'Bob', 'Carol', 'Dave']);
});

test('a page has an end', async () => {
  const { limit } = await list({ searchField: 'name', searchValue: MARK, limit: 5000 });
  assert.equal(limit, differs({ stellar: 1000, reference: 5000, why: 'one request costs only so much' }));
});

test('by a column that is none', async () => {
  for (const query of [
    'sortBy=password', 'filterField=password&filterValue=x', 'filterField=createdAt&filterValue=x&filterOperator=gt', 'limit=-1',
  ]) {
    const answer = await boss.browser.get(`/api/auth/admin/list-users?${query}`);
    const expected = differs({ stellar: 400, reference: 200, why: 'the original answers with an empty page' });
    assert.equal(answer.status, expected, query);
    if (answer.status === 200) assert.deepEqual(answer.json, { users: [], total: 0 });
  }
});

test('by what is no option', async () => {
  refused(await boss.client.admin.listUsers({ query: { searchField: 'id' } }), 400, 'VALIDATION_ERROR');
  const operators = [
    'eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'not_in', 'contains', 'starts_with', 'ends_with',
  ].map((operator) => `"${operator}"`).join('|');
  isError(
    await boss.browser.get('/api/auth/admin/list-users?filterOperator=like'),
    400, 'VALIDATION_ERROR', `[query.filterOperator] Invalid option: expected one of ${operators}`,
  );
  isError(
    await boss.browser.get('/api/auth/admin/list-users?sortDirection=up'),
    400, 'VALIDATION_ERROR', '[query.sortDirection] Invalid option: expected one of "asc"|"desc"',
  );
});
