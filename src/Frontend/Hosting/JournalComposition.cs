using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Frontend.Hosting;

/// <summary>Which journal the server writes.</summary>
internal sealed record JournalComposition
{
    private const string DataDefault = "data";
    private const string Sqlite = "sqlite", Postgres = "postgres";

    private readonly IConfiguration _bounds;

    private JournalComposition(IConfiguration bounds) => _bounds = bounds;

    /// <summary>The SQLite journal's directory.</summary>
    public required string Data { get; init; }

    /// <summary>The PostgreSQL journal's URL; null: SQLite.</summary>
    public required string? Url { get; init; }

    /// <summary>The schema of the PostgreSQL journal's tables.</summary>
    public string Schema => PostgresOptions(Url ?? "").Schema;

    /// <summary>Reads it from the settings: a URL alone is one of PostgreSQL.</summary>
    /// <exception cref="InvalidDataException">They do not go together.</exception>
    public static JournalComposition Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(EvergrainOptions.Section);
        var url = section["JournalUrl"] is { Length: > 0 } given ? given : null;
        var name = section["Journal"] is { Length: > 0 } named ? named : url is null ? Sqlite : Postgres;
        return new JournalComposition(section.GetSection("Postgres"))
        {
            Data = section["Data"] ?? DataDefault,
            Url = (name, url) switch
            {
                (Sqlite, null) => null,
                (Sqlite, _) => throw new InvalidDataException(
                    "JournalUrl goes with Journal 'postgres': SQLite's file is in the directory that Data names."),
                (Postgres, not null) => url,
                (Postgres, _) => throw new InvalidDataException(
                    "Journal 'postgres' needs JournalUrl, such as postgres://user@127.0.0.1:5432/evergrain; with a " +
                    "password better as Evergrain__JournalUrl in the environment."),
                _ => throw new InvalidDataException($"Journal must be '{Sqlite}' or '{Postgres}', not '{name}'."),
            },
        };
    }

    /// <summary>Where an open journal is, for people.</summary>
    public string Place(IJournal journal) =>
        journal is PostgresJournal postgres ? $"journal in PostgreSQL at {postgres.Place}" : $"data in {Data}";

    /// <summary>Opens it.</summary>
    /// <exception cref="JournalUnavailableException">It cannot be.</exception>
    public async Task<IJournal> OpenAsync(CancellationToken cancellationToken) => Url is null
        ? await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = Data }, cancellationToken)
        : await PostgresJournal.OpenAsync(PostgresOptions(Url), cancellationToken);

    // The section holds bounds; the URL is not among them, as it may hold a password.
    private PostgresJournalOptions PostgresOptions(string url) => new ConfigurationBuilder()
        .AddConfiguration(_bounds)
        .AddInMemoryCollection([KeyValuePair.Create<string, string?>(nameof(PostgresJournalOptions.Url), url)])
        .Build().Get<PostgresJournalOptions>()!;
}
