// Makes an empty database for the reference server on the given server, and
// prints its URL.

import pg from 'pg';

const NAME = 'reference';
const url = new URL(process.argv[2]);

const client = new pg.Client({ connectionString: url.href });
await client.connect();
await client.query(`DROP DATABASE IF EXISTS ${NAME} WITH (FORCE)`);
await client.query(`CREATE DATABASE ${NAME}`);
await client.end();

url.pathname = NAME;
console.log(url.href);
