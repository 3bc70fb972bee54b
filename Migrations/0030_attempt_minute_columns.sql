-- No panel reads the errors of a window by this index, and each second's sums had to keep it.

SET LOCAL ROLE affine_owner;

DROP INDEX affine.attempt_minute_error;

COMMENT ON COLUMN ops.attempt_minute.window_id IS 'the window';
COMMENT ON COLUMN ops.attempt_minute.minute IS 'the minute''s beginning';
COMMENT ON COLUMN ops.attempt_minute.evaluation IS 'whose jobs they were';
COMMENT ON COLUMN ops.attempt_minute.environment IS 'the environment''s name';
COMMENT ON COLUMN ops.attempt_minute.worker IS 'the worker''s id; null for what no worker reported';
COMMENT ON COLUMN ops.attempt_minute.outcome IS 'how they ended';
COMMENT ON COLUMN ops.attempt_minute.prompt_tokens IS 'tokens that models read, where they were counted';
COMMENT ON COLUMN ops.attempt_minute.completion_tokens IS 'tokens that models wrote, where they were counted';
COMMENT ON COLUMN ops.open_job.window_id IS 'the window';
COMMENT ON COLUMN ops.open_job.evaluation IS 'whose jobs they are';
COMMENT ON COLUMN ops.open_job.environment IS 'the environment''s name';
COMMENT ON COLUMN ops.open_job.jobs IS 'how many there are';

RESET ROLE;
