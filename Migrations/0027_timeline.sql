-- Who did what and why, for a dashboard. Details stay with the coordinator's role: they hold evidence.

SET LOCAL ROLE affine_owner;

CREATE VIEW ops.timeline AS SELECT id, at, actor, kind, subject, reason FROM affine.event;
COMMENT ON VIEW ops.timeline IS 'who did what, when and why: the event log without its details';
COMMENT ON COLUMN ops.timeline.subject IS 'what it was done to';
COMMENT ON COLUMN ops.timeline.reason IS 'why, in the words of whoever did it; empty where none is asked for';
GRANT SELECT ON ops.timeline TO affine_coordinator, affine_dashboard;

RESET ROLE;
