-- Takes over the passkeys and authenticator apps of a Better Auth 1.7 database: its tables
-- are in the schema public of this database (docs/migrating.md). What is here already
-- stays as it is, so this can be run again.

BEGIN;

-- Where two rows have one credential, the older one is taken: a credential is one user's.
-- Which name an authenticator has for its user was never stored, so it stays unknown.
INSERT INTO mfa.passkey
    (id, user_id, name, credential_id, public_key, counter, multi_device, backed_up,
     transports, aaguid, created_at)
SELECT id, "userId", name,
       decode(rpad(translate(rtrim("credentialID", '='), '-_', '+/'),
                   (length(rtrim("credentialID", '=')) + 3) / 4 * 4, '='), 'base64'),
       decode("publicKey", 'base64'),
       counter, "deviceType" = 'multiDevice', "backedUp", transports, aaguid, "createdAt"
  FROM public.passkey
 ORDER BY "createdAt" NULLS FIRST, id
    ON CONFLICT DO NOTHING;

-- Secrets and backup codes stay in the original's encryption until they are used; its
-- secret has to be one of BETTER_AUTH_SECRET. An enrolment that was never finished is left
-- behind. A row without `verified` counts as verified.
INSERT INTO mfa.two_factor
    (user_id, secret, key_id, issuer, verified, created_at, imported_backup_codes)
SELECT DISTINCT ON ("userId")
       "userId", convert_to(secret, 'UTF8'), 'better-auth', 'StellarStack', true, now(),
       "backupCodes"
  FROM public."twoFactor"
 WHERE verified IS NOT FALSE
 ORDER BY "userId", id
    ON CONFLICT (user_id) DO NOTHING;

COMMIT;
