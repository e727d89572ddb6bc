using System.Globalization;
using Evergrain.Conversations.Ports;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>The settings of each session, which the server's own configuration must not decide.</summary>
internal static class SessionSettings
{
    // A Unix socket has none of these.
    private static readonly (string Name, string Value)[] OfTcp =
    [
        ("tcp_keepalives_idle", "15"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ];

    /// <summary>The words that ask for them when a session begins. Of one name the last word wins.</summary>
    public static string Words(PostgresJournalOptions options) =>
        WordsOf([.. OfEverySession(options), .. OfTcp]);

    /// <summary>The words that ask for some.</summary>
    public static string WordsOf(IEnumerable<(string Name, string Value)> settings) => string.Join(' ',
        settings.Select(static setting => $"-c {setting.Name}={setting.Value.Replace(" ", @"\ ")}"));

    /// <summary>Reads those of the journal's sessions back.</summary>
    /// <exception cref="JournalUnavailableException">The session has another value.</exception>
    public static Task CheckAsync(NpgsqlConnection connection, PostgresPlace place, PostgresJournalOptions options,
        CancellationToken cancellationToken) =>
        CheckAsync(connection, place, OfEverySession(options), cancellationToken);

    /// <summary>Reads some back: a pooler may drop them without an error.</summary>
    /// <param name="connection">The session.</param>
    /// <param name="place">Where it leads.</param>
    /// <param name="expected">What was asked for, in the units of <c>pg_settings</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">The session has another value.</exception>
    public static async Task CheckAsync(NpgsqlConnection connection, PostgresPlace place,
        (string Name, string Value)[] expected, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT name, setting FROM pg_settings WHERE name = ANY($1)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = expected.Select(static one => one.Name).ToArray() });
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var held = new Dictionary<string, string>(StringComparer.Ordinal);
        while (await rows.ReadAsync(cancellationToken))
        {
            held[rows.GetString(0)] = rows.GetString(1);
        }

        foreach (var (name, value) in expected)
        {
            if (held.GetValueOrDefault(name) is var other && other != value)
            {
                throw new JournalUnavailableException($"The session at {place.Server} has {name} = {other} where " +
                    $"'{value}' was asked for: connect to PostgreSQL itself, since a pooler between drops settings.");
            }
        }
    }

    // Times are in milliseconds, as pg_settings gives them.
    private static (string Name, string Value)[] OfEverySession(PostgresJournalOptions options) =>
    [
        // The journal's promise: an append that returned is on disk, and on the standbys that the server waits for.
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "read committed"),

        // No wait without a bound: for a lock, for a statement, for a client that was stopped or vanished.
        ("lock_timeout", Milliseconds(options.LockTimeout)),
        ("statement_timeout", Milliseconds(options.StatementTimeout)),
        ("idle_in_transaction_session_timeout", "10000"),

        // Our connections are idle between turns, and one that the server ended costs an append a try.
        ("idle_session_timeout", "0"),

        // Every statement here goes through an index, however few rows the server believes there are.
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
    ];

    private static string Milliseconds(TimeSpan time) =>
        ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
