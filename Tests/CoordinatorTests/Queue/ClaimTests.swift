import Postgres
import TestSupport
import Testing

/// What a worker is told with its claim.
@Suite(.migratedDatabase) struct ClaimTests {
    @Test("a statement that claims and describes at once is told of evaluations that its own snapshot does not show")
    func describedAtOnce() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab")
            let planned = try await stage.plan(miners[1], jobs: 3)
            // Stands for a coordinator that commits after the statement began: what it adds is younger than the snapshot.
            try await stage.owner.execute(
                """
                CREATE FUNCTION public.test_arrival() RETURNS bigint LANGUAGE plpgsql AS $$
                DECLARE arrived bigint;
                BEGIN
                    INSERT INTO affine.evaluation (window_id, hotkey, model, revision, round, deadline_at)
                    SELECT window_id, hotkey, model, revision, 99, deadline_at FROM affine.evaluation WHERE id = \(planned)
                    RETURNING id INTO arrived;
                    INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
                    SELECT arrived, environment, task_ids, planned FROM affine.evaluation_environment WHERE evaluation = \(planned);
                    RETURN arrived;
                END $$
                """)
            try await #expect(
                stage.owner.column(
                    """
                    SELECT d.name FROM public.test_arrival() AS arrived
                    CROSS JOIN LATERAL affine.describe_evaluation(arrived) AS d
                    """) == ["abd"])
        }
    }
}
