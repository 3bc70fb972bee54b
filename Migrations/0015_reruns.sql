-- The champion runs some tasks of a window's slate a second time, to measure how much two runs of one model differ.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.task_window ADD COLUMN rerun_evaluation bigint REFERENCES affine.evaluation (id);

RESET ROLE;
