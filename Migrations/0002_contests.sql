-- Windows, evaluations, contests, reigns, weights: one row per decision, frozen once taken.

SET LOCAL ROLE affine_owner;

CREATE TYPE affine.window_state AS ENUM ('baseline', 'open', 'closed');
CREATE TYPE affine.evaluation_state AS ENUM ('running', 'complete', 'cancelled');
CREATE TYPE affine.contest_state AS ENUM ('running', 'decided', 'void');

-- Coronations and contests share one numbering, so that a number names one event in the throne's history.
CREATE SEQUENCE affine.throne_number;

CREATE TABLE affine.task_window (
    id                  bigint              PRIMARY KEY CHECK (id >= 1),
    opened_block        bigint              NOT NULL REFERENCES affine.chain_block (number),
    state               affine.window_state NOT NULL DEFAULT 'baseline',
    rule_digest         bytea               NOT NULL REFERENCES affine.rule (digest),
    baseline_evaluation bigint,
    baseline_round      smallint            NOT NULL DEFAULT 0 CHECK (baseline_round >= 0),
    opened_at           timestamptz         NOT NULL DEFAULT clock_timestamp(),
    slate_frozen_at     timestamptz,
    closed_at           timestamptz,
    CHECK ((state = 'baseline') = (slate_frozen_at IS NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_open_window ON affine.task_window ((true)) WHERE state <> 'closed';

CREATE FUNCTION affine.guard_window() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'closed' OR (NEW.id, NEW.opened_block, NEW.rule_digest) <> (OLD.id, OLD.opened_block, OLD.rule_digest) THEN
        RAISE EXCEPTION 'the terms of window % are frozen', OLD.id USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_terms BEFORE UPDATE ON affine.task_window FOR EACH ROW EXECUTE FUNCTION affine.guard_window();
CREATE TRIGGER keep_window BEFORE DELETE ON affine.task_window FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

-- The environments as they were when the window opened.
CREATE TABLE affine.window_environment (
    window_id      bigint   NOT NULL REFERENCES affine.task_window (id),
    environment    smallint NOT NULL REFERENCES affine.environment (id),
    kind           text     NOT NULL,
    base_url       text,
    lo_nano        bigint   NOT NULL,
    hi_nano        bigint   NOT NULL,
    margin_nano    bigint   NOT NULL,
    sampling_count integer  NOT NULL,
    timeout_ms     integer  NOT NULL,
    temperature    double precision NOT NULL,
    max_attempts   smallint NOT NULL,
    run_length     smallint NOT NULL,
    parameters     jsonb    NOT NULL,
    dataset_ranges int8multirange NOT NULL,
    selection      text     NOT NULL,
    PRIMARY KEY (window_id, environment)
);
SELECT affine.make_append_only('affine.window_environment');

-- The pool in its random order; slate_position is set once, when the slate is frozen.
CREATE TABLE affine.window_task (
    window_id       bigint   NOT NULL,
    environment     smallint NOT NULL,
    ordinal         integer  NOT NULL CHECK (ordinal >= 0),
    task_id         bigint   NOT NULL,
    slate_position  integer  CHECK (slate_position >= 0),
    struck_reason   text,
    struck_evidence text,
    PRIMARY KEY (window_id, environment, ordinal),
    UNIQUE (window_id, environment, task_id),
    UNIQUE (window_id, environment, slate_position),
    FOREIGN KEY (window_id, environment) REFERENCES affine.window_environment,
    CHECK (slate_position IS NULL OR struck_reason IS NULL),
    CHECK ((struck_reason IS NULL) = (struck_evidence IS NULL))
);

CREATE FUNCTION affine.guard_window_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM affine.task_window WHERE id IN (OLD.window_id, NEW.window_id) AND state <> 'baseline') THEN
        RAISE EXCEPTION 'the slate of window % is frozen', NEW.window_id USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_slate BEFORE INSERT OR UPDATE ON affine.window_task
    FOR EACH ROW EXECUTE FUNCTION affine.guard_window_task();
CREATE TRIGGER keep_tasks BEFORE DELETE ON affine.window_task FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

-- One miner's pass over one window's tasks. A pass spoilt by infrastructure is cancelled and followed by another round.
CREATE TABLE affine.evaluation (
    id           bigint                  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_id    bigint                  NOT NULL REFERENCES affine.task_window (id),
    hotkey       text                    NOT NULL REFERENCES affine.miner (hotkey),
    model        text                    NOT NULL,
    revision     text                    NOT NULL,
    round        smallint                NOT NULL DEFAULT 1 CHECK (round >= 1),
    state        affine.evaluation_state NOT NULL DEFAULT 'running',
    state_reason text                    NOT NULL DEFAULT '',
    created_at   timestamptz             NOT NULL DEFAULT clock_timestamp(),
    deadline_at  timestamptz             NOT NULL,
    ended_at     timestamptz,
    UNIQUE (window_id, hotkey, round),
    CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX evaluation_running ON affine.evaluation (model, revision, id) WHERE state = 'running';
ALTER TABLE affine.task_window ADD FOREIGN KEY (baseline_evaluation) REFERENCES affine.evaluation (id);

-- The evaluation's jobs: job p of an environment asks task_ids[p + 1]; the first `planned` of them are wanted.
CREATE TABLE affine.evaluation_environment (
    evaluation  bigint   NOT NULL REFERENCES affine.evaluation (id),
    environment smallint NOT NULL REFERENCES affine.environment (id),
    task_ids    bigint[] NOT NULL,
    planned     integer  NOT NULL,
    PRIMARY KEY (evaluation, environment),
    CHECK (planned BETWEEN 1 AND cardinality(task_ids))
);

CREATE FUNCTION affine.guard_evaluation_environment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.task_ids <> OLD.task_ids OR NEW.planned < OLD.planned THEN
        RAISE EXCEPTION 'the jobs of evaluation % are frozen', OLD.evaluation USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_jobs BEFORE UPDATE ON affine.evaluation_environment
    FOR EACH ROW EXECUTE FUNCTION affine.guard_evaluation_environment();

CREATE TABLE affine.contest (
    id                    bigint               PRIMARY KEY DEFAULT nextval('affine.throne_number'),
    window_id             bigint               NOT NULL REFERENCES affine.task_window (id),
    champion              text                 NOT NULL REFERENCES affine.miner (hotkey),
    challenger            text                 NOT NULL REFERENCES affine.miner (hotkey),
    champion_evaluation   bigint               NOT NULL REFERENCES affine.evaluation (id),
    challenger_evaluation bigint               NOT NULL UNIQUE REFERENCES affine.evaluation (id),
    rule_digest           bytea                NOT NULL REFERENCES affine.rule (digest),
    state                 affine.contest_state NOT NULL DEFAULT 'running',
    opened_at             timestamptz          NOT NULL DEFAULT clock_timestamp(),
    deadline_at           timestamptz          NOT NULL,
    decided_at            timestamptz,
    verdict               affine.verdict,
    reasons               jsonb,
    outcome_digest        bytea                CHECK (length(outcome_digest) = 32),
    evidence_digest       bytea                CHECK (length(evidence_digest) = 32),
    CHECK (champion <> challenger),
    CHECK (CASE state WHEN 'running' THEN verdict IS NULL AND decided_at IS NULL AND outcome_digest IS NULL
                      WHEN 'decided' THEN verdict <> 'void' AND decided_at IS NOT NULL AND outcome_digest IS NOT NULL
                                          AND evidence_digest IS NOT NULL
                      ELSE verdict = 'void' AND decided_at IS NOT NULL AND outcome_digest IS NOT NULL
                           AND evidence_digest IS NOT NULL END)
);
CREATE UNIQUE INDEX one_undecided_contest ON affine.contest ((true)) WHERE state = 'running';
CREATE UNIQUE INDEX one_decided_contest_per_challenger ON affine.contest (challenger) WHERE state = 'decided';

CREATE FUNCTION affine.guard_contest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'running' THEN
        RAISE EXCEPTION 'contest % is % for good', OLD.id, OLD.state USING ERRCODE = 'AF001';
    END IF;
    IF (NEW.id, NEW.window_id, NEW.champion, NEW.challenger, NEW.champion_evaluation, NEW.challenger_evaluation, NEW.rule_digest)
       <> (OLD.id, OLD.window_id, OLD.champion, OLD.challenger, OLD.champion_evaluation, OLD.challenger_evaluation,
           OLD.rule_digest) THEN
        RAISE EXCEPTION 'the terms of contest % are frozen', OLD.id USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_verdict BEFORE UPDATE ON affine.contest FOR EACH ROW EXECUTE FUNCTION affine.guard_contest();
CREATE TRIGGER keep_contest BEFORE DELETE ON affine.contest FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

-- What the verdict rests on in one environment. `used` holds the challenger's job positions that had an answer.
CREATE TABLE affine.contest_environment (
    contest              bigint         NOT NULL REFERENCES affine.contest (id),
    environment          smallint       NOT NULL REFERENCES affine.environment (id),
    tasks                integer        NOT NULL CHECK (tasks >= 1),
    decided              integer        NOT NULL CHECK (decided BETWEEN 0 AND tasks),
    champion_sum_nano    bigint         NOT NULL,
    challenger_lo_nano   bigint         NOT NULL,
    challenger_hi_nano   bigint         NOT NULL CHECK (challenger_lo_nano <= challenger_hi_nano),
    standing             text           NOT NULL,
    reason               text           NOT NULL,
    used                 int4multirange NOT NULL,
    PRIMARY KEY (contest, environment)
);
SELECT affine.make_append_only('affine.contest_environment');

CREATE TABLE affine.reign (
    id         bigint      PRIMARY KEY,
    hotkey     text        NOT NULL UNIQUE REFERENCES affine.miner (hotkey),
    contest    bigint      UNIQUE REFERENCES affine.contest (id),
    from_block bigint      NOT NULL,
    to_block   bigint,
    began_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    CHECK (contest IS NULL OR contest = id),
    CHECK (to_block >= from_block),
    CHECK ((to_block IS NULL) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX one_open_reign ON affine.reign ((true)) WHERE to_block IS NULL;

CREATE FUNCTION affine.guard_reign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.to_block IS NOT NULL OR (NEW.id, NEW.hotkey, NEW.from_block) <> (OLD.id, OLD.hotkey, OLD.from_block) THEN
        RAISE EXCEPTION 'reign % can only be ended, once', OLD.id USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER end_once BEFORE UPDATE ON affine.reign FOR EACH ROW EXECUTE FUNCTION affine.guard_reign();
CREATE TRIGGER keep_reign BEFORE DELETE ON affine.reign FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

CREATE TABLE affine.weight_snapshot (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reign    bigint      NOT NULL REFERENCES affine.reign (id),
    block    bigint      NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT affine.make_append_only('affine.weight_snapshot');

CREATE TABLE affine.weight (
    snapshot   bigint NOT NULL REFERENCES affine.weight_snapshot (id),
    hotkey     text   NOT NULL REFERENCES affine.miner (hotkey),
    share_nano bigint NOT NULL CHECK (share_nano BETWEEN 0 AND 1000000000),
    PRIMARY KEY (snapshot, hotkey)
);
SELECT affine.make_append_only('affine.weight');

GRANT USAGE ON SEQUENCE affine.throne_number TO affine_coordinator;
GRANT SELECT, INSERT ON affine.window_environment, affine.contest_environment, affine.weight_snapshot, affine.weight
    TO affine_coordinator;
GRANT SELECT, INSERT, UPDATE ON affine.task_window, affine.window_task, affine.evaluation,
    affine.evaluation_environment, affine.contest, affine.reign TO affine_coordinator;

RESET ROLE;
