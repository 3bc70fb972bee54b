-- What operators show to the API in place of a login. The database never sees a token, only its digest.

SET LOCAL ROLE affine_owner;

CREATE TABLE affine.operator_token (
    name           text        PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    digest         bytea       NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    scopes         text[]      NOT NULL CHECK (cardinality(scopes) >= 1 AND scopes <@ ARRAY['arena', 'contests', 'miners']),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL CHECK (expires_at > created_at),
    revoked_at     timestamptz,
    revoked_reason text        NOT NULL DEFAULT '',
    CHECK ((revoked_at IS NULL) = (revoked_reason = ''))
);

-- What a token may do is fixed when it is made; all that can happen to it is that it is revoked, once.
CREATE FUNCTION affine.guard_operator_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR (OLD.name, OLD.digest, OLD.scopes, OLD.created_at, OLD.expires_at)
       IS DISTINCT FROM (NEW.name, NEW.digest, NEW.scopes, NEW.created_at, NEW.expires_at) THEN
        RAISE EXCEPTION 'token % can only be revoked, and once', OLD.name USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_token BEFORE UPDATE ON affine.operator_token
    FOR EACH ROW EXECUTE FUNCTION affine.guard_operator_token();
CREATE TRIGGER keep_token BEFORE DELETE ON affine.operator_token FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();
GRANT SELECT, INSERT, UPDATE ON affine.operator_token TO affine_coordinator;

RESET ROLE;
