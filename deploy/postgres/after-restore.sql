-- What must end when the database goes back to an earlier instant: run by deploy/restore.
-- What was used up or revoked since then would be good again, and nobody can tell what it
-- was. So all of it ends: users sign in anew, and make new backup codes.

BEGIN;

-- Sessions, and revocations that Redis was still to hear of; Redis is emptied as well.
DELETE FROM session.session;
DELETE FROM session.pending_revocation;

-- Sign-ins that were under way, codes that were sent, browsers that are spared the factor.
DELETE FROM mfa.challenge;
DELETE FROM mfa.email_code;
DELETE FROM mfa.passkey_ceremony;
DELETE FROM identity.social_flow;
DELETE FROM mfa.trusted_device;

-- No code of an authenticator app counts that could have been used already.
UPDATE mfa.two_factor
   SET last_used_step = greatest(last_used_step, floor(extract(epoch FROM now()) / 30)::bigint + 1);
DELETE FROM mfa.backup_code;
-- Those that are still as Better Auth wrote them.
UPDATE mfa.two_factor SET imported_backup_codes = NULL;

-- Links for verifying an address or resetting a password, and mails that hold them.
DELETE FROM identity.verification;
DELETE FROM identity.outbox WHERE subject = 'mail.v1.send';
DELETE FROM mfa.outbox WHERE subject = 'mail.v1.send';

COMMIT;
