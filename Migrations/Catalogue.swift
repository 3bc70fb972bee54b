public import Migrating

/// The migrations this program carries. A test compares the list with the folder.
public enum Catalogue {
    public static let migrations: [Migration] = [
        migration(1, "core", PackageResources._001_core_sql),
        migration(2, "contests", PackageResources._002_contests_sql),
        migration(3, "queue", PackageResources._003_queue_sql),
        migration(4, "worker_functions", PackageResources._004_worker_functions_sql),
        migration(5, "reporting", PackageResources._005_reporting_sql),
        migration(6, "ops", PackageResources._006_ops_sql),
        migration(7, "fair_queue", PackageResources._007_fair_queue_sql),
        migration(8, "backups", PackageResources._008_backups_sql),
        migration(9, "settling", PackageResources._009_settling_sql),
        migration(10, "database_health", PackageResources._010_database_health_sql),
        migration(11, "idle_workers", PackageResources._011_idle_workers_sql),
        migration(12, "lone_jobs", PackageResources._012_lone_jobs_sql),
        migration(13, "certificates", PackageResources._013_certificates_sql),
        migration(14, "cluster_spans", PackageResources._014_cluster_spans_sql),
        migration(15, "reruns", PackageResources._015_reruns_sql),
        migration(16, "audit", PackageResources._016_audit_sql),
        migration(17, "chain", PackageResources._017_chain_sql),
        migration(18, "public", PackageResources._018_public_sql),
        migration(19, "environments", PackageResources._019_environments_sql),
        migration(20, "metrics", PackageResources._020_metrics_sql),
        migration(21, "transcripts", PackageResources._021_transcripts_sql),
        migration(22, "placement", PackageResources._022_placement_sql),
        migration(23, "containers", PackageResources._023_containers_sql),
        migration(24, "shared_deployments", PackageResources._024_shared_deployments_sql),
        migration(25, "benchmarks", PackageResources._025_benchmarks_sql),
        migration(26, "derived_environments", PackageResources._026_derived_environments_sql),
        migration(27, "timeline", PackageResources._027_timeline_sql),
        migration(28, "operator_tokens", PackageResources._028_operator_tokens_sql),
        migration(29, "attempt_minutes", PackageResources._029_attempt_minutes_sql),
        migration(30, "attempt_minute_columns", PackageResources._030_attempt_minute_columns_sql),
        migration(31, "ended_evaluations", PackageResources._031_ended_evaluations_sql),
        migration(32, "window_archives", PackageResources._032_window_archives_sql),
        migration(33, "look_ahead", PackageResources._033_look_ahead_sql),
        migration(34, "copy_checks", PackageResources._034_copy_checks_sql),
        migration(35, "attempt_sums", PackageResources._035_attempt_sums_sql),
        migration(36, "costs_and_errors", PackageResources._036_costs_and_errors_sql),
        migration(37, "planner_statistics", PackageResources._037_planner_statistics_sql),
    ]

    private static func migration(_ number: Int, _ name: String, _ sql: [UInt8]) -> Migration {
        Migration(number: number, name: name, sql: String(decoding: sql, as: UTF8.self))
    }
}
