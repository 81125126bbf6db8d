-- The last change of the second factor that mfa-svc told us of (a UUID of version 7,
-- so changes are ordered by it). Told again, or late, it changes nothing.
ALTER TABLE identity.user ADD COLUMN two_factor_change uuid;
