-- Takes over the users and accounts of a Better Auth 1.7 database: its tables are in the
-- schema public of this database (docs/migrating.md). What is here already stays as it is,
-- so this can be run again.

BEGIN;

INSERT INTO identity.user
    (id, name, email, email_verified, image, role, banned, ban_reason, ban_expires,
     two_factor_enabled, created_at, updated_at)
SELECT id, name, lower(email), "emailVerified", image, coalesce(role, 'user'),
       coalesce(banned, false), "banReason", "banExpires", coalesce("twoFactorEnabled", false),
       "createdAt", "updatedAt"
  FROM public."user"
    -- Two users with one address are an error, and nothing is taken over.
    ON CONFLICT (id) DO NOTHING;

-- Passwords stay in the format they have: bcrypt, or the scrypt of Better Auth itself.
-- Tokens of social providers do not come along; the next sign-in there brings new ones.
-- One of a user whose address is not proved goes when somebody proves it (docs/social-sign-in.md).
INSERT INTO identity.account
    (id, user_id, provider_id, account_id, password, address_proved, created_at, updated_at)
SELECT account.id, "userId", "providerId", "accountId", password,
       "emailVerified" OR "providerId" = 'credential', account."createdAt", account."updatedAt"
  FROM public.account JOIN public."user" ON "user".id = "userId"
    ON CONFLICT (id) DO NOTHING;

COMMIT;
