-- migrate:up
-- A refusal of TVS lays again what the refused change covered of earlier ones (ADR 0007).
GRANT INSERT ON overlay_segment TO kot_tvs;
