namespace Evergrain.Silo.Membership;

/// <summary>
/// The statements that Orleans runs on our tables, under the names by which it asks for them. It fixes those names, the
/// parameters (<c>@DeploymentId</c> is the cluster) and the names of what comes back; the rest is ours.
/// </summary>
/// <remarks>
/// A change to the list of members must come behind the version that its writer saw. The update of the cluster's row
/// makes that so: writers wait for each other at that row, and the second finds another version there.
/// </remarks>
internal static class ClusterStatements
{
    private const string OfMember =
        "cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation";

    private const string OfGrain =
        "service = @ServiceId AND type = @GrainTypeString AND key_0 = @GrainIdN0 AND key_1 = @GrainIdN1 " +
        "AND key_text = coalesce(@GrainIdExtensionString, '')";

    // The version stands in every row, and in one without a member where there is none.
    private const string Members = """
        SELECT c.version AS "Version", s.address AS "Address", s.port AS "Port", s.generation AS "Generation",
          s.name AS "SiloName", s.host AS "HostName", s.status AS "Status", s.gateway_port AS "ProxyPort",
          s.suspected AS "SuspectTimes", s.started AS "StartTime", s.alive AS "IAmAliveTime"
        FROM clusters c LEFT JOIN silos s ON s.cluster = c.id
        """;

    private const string Active = "3";

    /// <summary>Each by its name.</summary>
    public static IReadOnlyList<(string Name, string Text)> All { get; } =
    [
        ("InsertMembershipVersionKey", """
            WITH made AS (
              INSERT INTO clusters (id, version) VALUES (@DeploymentId, 0) ON CONFLICT DO NOTHING RETURNING 1)
            SELECT EXISTS (SELECT FROM made)
            """),
        ("MembershipReadAllKey", $"{Members} WHERE c.id = @DeploymentId"),
        ("MembershipReadRowKey", $"""
            {Members} AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
            WHERE c.id = @DeploymentId
            """),
        ("InsertMembershipKey", $"""
            WITH advanced AS (
              UPDATE clusters SET version = version + 1 WHERE id = @DeploymentId AND version = @Version
                AND NOT EXISTS (SELECT FROM silos WHERE {OfMember}) RETURNING id),
            joined AS (
              INSERT INTO silos (cluster, address, port, generation, name, host, gateway_port, status, started, alive)
              SELECT id, @Address, @Port, @Generation, @SiloName, @HostName, @ProxyPort, @Status, @StartTime,
                @IAmAliveTime FROM advanced RETURNING 1)
            SELECT EXISTS (SELECT FROM joined)
            """),
        ("UpdateMembershipKey", $"""
            WITH advanced AS (
              UPDATE clusters SET version = version + 1 WHERE id = @DeploymentId AND version = @Version
                AND EXISTS (SELECT FROM silos WHERE {OfMember}) RETURNING id),
            changed AS (
              UPDATE silos SET status = @Status, suspected = @SuspectTimes, alive = @IAmAliveTime
              WHERE {OfMember} AND EXISTS (SELECT FROM advanced) RETURNING 1)
            SELECT EXISTS (SELECT FROM changed)
            """),
        ("UpdateIAmAlivetimeKey", $"UPDATE silos SET alive = @IAmAliveTime WHERE {OfMember}"),
        ("GatewaysQueryKey", """
            SELECT address AS "Address", gateway_port AS "ProxyPort", generation AS "Generation" FROM silos
            WHERE cluster = @DeploymentId AND status = @Status AND gateway_port > 0
            """),
        ("CleanupDefunctSiloEntriesKey",
            $"DELETE FROM silos WHERE cluster = @DeploymentId AND alive < @IAmAliveTime AND status <> {Active}"),
        ("DeleteMembershipTableEntriesKey", "DELETE FROM clusters WHERE id = @DeploymentId"),
        ("ReadFromStorageKey", $"""
            SELECT state AS "PayloadBinary", version AS "Version" FROM grain_states WHERE {OfGrain}
            """),
        ("WriteToStorageKey", $"""
            WITH changed AS (
              UPDATE grain_states SET version = version + 1, state = @PayloadBinary, written = now()
              WHERE {OfGrain} AND version = @GrainStateVersion RETURNING version),
            made AS (
              INSERT INTO grain_states (service, type, key_0, key_1, key_text, version, state)
              SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''), 1,
                @PayloadBinary WHERE @GrainStateVersion IS NULL ON CONFLICT DO NOTHING RETURNING version)
            SELECT version AS "NewGrainStateVersion" FROM changed UNION ALL SELECT version FROM made
            """),
        ("ClearStorageKey", $"""
            UPDATE grain_states SET version = version + 1, state = NULL, written = now()
            WHERE {OfGrain} AND version = @GrainStateVersion RETURNING version AS "NewGrainStateVersion"
            """),
        ("DeleteStorageKey", $"""
            DELETE FROM grain_states WHERE {OfGrain} AND version = @GrainStateVersion
            RETURNING version + 1 AS "NewGrainStateVersion"
            """),
    ];
}
