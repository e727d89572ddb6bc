using Evergrain.Conversations.Records;
using Evergrain.Frontend;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Silo.Composition;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo.Commands;

/// <summary>
/// A journal that <c>evergrain copy</c> reads or writes: a data directory, or one in PostgreSQL or Azure Storage.
/// </summary>
internal sealed class CopyPlace
{
    private const string Sqlite = "sqlite:", Azure = "azure";

    private readonly IConfiguration _settings;
    private readonly string? _directory;
    private readonly string? _account;
    private readonly string _url = "";

    private CopyPlace(string option, string given, IConfiguration settings)
    {
        _settings = settings;
        if (given.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            var directory = given[Sqlite.Length..];
            if (directory.Length == 0 || (directory.StartsWith("//", StringComparison.Ordinal) &&
                !directory.StartsWith("///", StringComparison.Ordinal)))
            {
                throw new CommandException($"{option} names no directory: write sqlite:./data, or sqlite:/path/data.");
            }

            _directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
            Name = $"the directory {_directory}";
            return;
        }

        if (AccountOf(given, settings) is { } account)
        {
            _account = account;
            Name = new AzureAccount(JournalComposition.AzureAt(account, settings, RecordFormat.Newest)).Place;
            return;
        }

        // What else was given is not printed: it may hold a password.
        if (!given.StartsWith("postgres", StringComparison.OrdinalIgnoreCase) && !given.Contains('='))
        {
            throw new CommandException($"{option} must be sqlite:DIR, azure, or a URL that --journal-url takes, such " +
                "as postgres://user@127.0.0.1:5432/evergrain.");
        }

        _url = given;
        var place = PostgresUrl.PlaceOf(PostgresUrl.Parse(given));
        var schema = JournalComposition.PostgresAt(given, settings, RecordFormat.Newest).Schema;
        Name = $"PostgreSQL at {place.Server}/{place.Database}, schema {schema}";
    }

    /// <summary>Where it is, for people; never a password.</summary>
    public string Name { get; }

    /// <summary>Reads what an option names.</summary>
    /// <param name="option">The option.</param>
    /// <param name="given">What stands behind it.</param>
    /// <param name="settings">Where the bounds of PostgreSQL's journal are, its schema among them.</param>
    /// <exception cref="CommandException">It names nothing that can be copied.</exception>
    public static CopyPlace Read(string option, string given, IConfiguration settings) =>
        new(option, given, settings);

    /// <summary>Opens it to be read, and holds it.</summary>
    public async Task<ICopySource> OpenSourceAsync(CancellationToken cancellationToken) =>
        _directory is not null ? SqliteCopySource.Open(_directory)
        : _account is not null ? await AzureCopySource.OpenAsync(
            JournalComposition.AzureAt(_account, _settings, RecordFormat.Newest), cancellationToken)
        : await PostgresCopySource.OpenAsync(
            JournalComposition.PostgresAt(PostgresUrl.ReadOnly(_url), _settings, RecordFormat.Newest),
            cancellationToken);

    /// <summary>Opens it to be written, and holds it.</summary>
    /// <param name="format">The newest format of the records that it will have.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<CopyTarget> OpenTargetAsync(int format, CancellationToken cancellationToken)
    {
        if (_directory is not null)
        {
            var options = new SqliteJournalOptions { Directory = _directory, Format = format, IsCopyTarget = true };
            var sqlite = await SqliteJournal.OpenAsync(options, cancellationToken);
            return new CopyTarget(sqlite, [sqlite], new TaskCompletionSource().Task);
        }

        return _account is not null
            ? await OpenAzureAsync(_account, format, cancellationToken)
            : await OpenPostgresAsync(format, cancellationToken);
    }

    // `azure` alone: the account's key need not stand in the process list.
    private static string? AccountOf(string given, IConfiguration settings) =>
        string.Equals(given, Azure, StringComparison.OrdinalIgnoreCase)
            ? settings.GetSection(EvergrainOptions.Section)["JournalUrl"] ?? ""
            : given.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ||
                given.Contains("AccountName=", StringComparison.OrdinalIgnoreCase) ||
                given.Contains("BlobEndpoint=", StringComparison.OrdinalIgnoreCase) ? given : null;

    private async Task<CopyTarget> OpenAzureAsync(string account, int format, CancellationToken cancellationToken)
    {
        var azure = JournalComposition.AzureAt(account, _settings, format);
        azure.IsCopyTarget = true;
        var held = await AzureJournalLock.TakeAsync(
            azure, JournalOwner.Alone, waits: null, cancellationToken);
        try
        {
            var journal = await AzureJournal.OpenAsync(azure, cancellationToken);
            return new CopyTarget(journal, [journal, held], held.Lost);
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    private async Task<CopyTarget> OpenPostgresAsync(int format, CancellationToken cancellationToken)
    {
        var postgres = JournalComposition.PostgresAt(_url, _settings, format);
        postgres.IsCopyTarget = true;
        var held = await PostgresJournalLock.TakeAsync(postgres, JournalOwner.Alone, cancellationToken);
        try
        {
            var journal = await PostgresJournal.OpenAsync(postgres, cancellationToken);
            return new CopyTarget(journal, [journal, held], held.Lost);
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }
}

/// <summary>A journal that is open to be copied into.</summary>
/// <param name="Journal">The journal.</param>
/// <param name="Held">What is to be closed, in this order.</param>
/// <param name="Lost">Fails when another process has taken the journal.</param>
internal sealed record CopyTarget(ICopyTarget Journal, IReadOnlyList<IAsyncDisposable> Held, Task Lost)
    : IAsyncDisposable
{
    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var one in Held)
        {
            await one.DisposeAsync();
        }
    }
}
