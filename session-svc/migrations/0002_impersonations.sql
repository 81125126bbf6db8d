-- The admin's own session from which an impersonation was started. When that one
-- ends, so does this.
ALTER TABLE session ADD COLUMN opened_from text;

CREATE INDEX session_opened_from_idx ON session (opened_from) WHERE opened_from IS NOT NULL;
CREATE INDEX session_impersonated_by_idx ON session (impersonated_by) WHERE impersonated_by IS NOT NULL;

-- Notes of impersonations are looked for whenever an admin's sessions end.
ALTER TABLE pending_revocation ADD COLUMN impersonated_by text;

CREATE INDEX pending_revocation_impersonated_by_idx ON pending_revocation (impersonated_by)
    WHERE impersonated_by IS NOT NULL;
