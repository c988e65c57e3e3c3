-- migrate:up
-- The same bytes under another type or character set say something else, and content that could not be read, or was withdrawn, says
-- nothing: either way, what comes next is a delivery of its own.

DROP INDEX delivery_content_once;
CREATE UNIQUE INDEX delivery_content_once ON delivery (organisation_id, sender_oin, content_sha256, format, coalesce(charset, ''))
    WHERE state NOT IN ('arriving', 'unreadable', 'withdrawing', 'withdrawn') AND duplicate_of IS NULL;

-- A trial is held against what its own sender delivered before.
GRANT SELECT (sender_oin) ON delivery TO kot_trial;
