-- Tasks that are expected to succeed and fail together have ids in the same span.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.environment ADD COLUMN cluster_span bigint NOT NULL DEFAULT 1 CHECK (cluster_span >= 1);

RESET ROLE;
