-- A role for each service, which reaches its own schema and nothing else. Run once, as a
-- superuser, in the database of the services:
--
--   psql -v identity_password=… -v session_password=… -v mfa_password=… -f roles.sql
--
-- Each service makes and changes the tables of its schema itself, when it starts.

REVOKE ALL ON DATABASE stellar FROM PUBLIC;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE ROLE identity LOGIN PASSWORD :'identity_password';

CREATE ROLE session LOGIN PASSWORD :'session_password';

CREATE ROLE mfa LOGIN PASSWORD :'mfa_password';

GRANT CONNECT ON DATABASE stellar TO identity, session, mfa;

CREATE SCHEMA identity AUTHORIZATION identity;

CREATE SCHEMA session AUTHORIZATION session;

CREATE SCHEMA mfa AUTHORIZATION mfa;
