-- The session whose place this one took. What spares a session by name spares also
-- the one that has taken its place meanwhile.
ALTER TABLE session ADD COLUMN rotated_from text;
