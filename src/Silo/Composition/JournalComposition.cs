using System.Diagnostics.Metrics;
using System.Globalization;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Evergrain.Frontend;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Settings;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Silo.Membership;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Composition;

/// <summary>Which journal the process writes, and the lock that keeps other processes from it.</summary>
internal sealed partial class JournalComposition : IReadiness, IAsyncDisposable
{
    private const string DataDefault = "data", FormatName = "Format";
    private const string Sqlite = "sqlite", Postgres = "postgres", Azure = "azure";
    private const string PostgresBounds = "Postgres", AzureBounds = "Azure";

    private readonly ServerRole _role;
    private readonly string _data;
    private readonly JournalReturns _returns = new();
    private int _format = RecordFormat.Newest;
    private IJournal? _journal;
    private IAsyncDisposable? _lock;

    private JournalComposition(ServerRole role, string data) => (_role, _data) = (role, data);

    /// <summary>The PostgreSQL journal; null: another.</summary>
    public PostgresJournalOptions? PostgresOptions { get; private set; }

    /// <summary>The journal in Azure Storage; null: another.</summary>
    public AzureJournalOptions? AzureOptions { get; private set; }

    /// <summary>Where the open journal is, for people.</summary>
    public string Place => _journal switch
    {
        PostgresJournal postgres => $"journal in PostgreSQL at {postgres.Place}",
        AzureJournal azure => $"journal in {azure.Place}",
        _ => $"journal in the directory {_data}",
    };

    /// <inheritdoc/>
    public string? Obstacle => _journal?.Obstacle;

    /// <summary>Fails when another process has taken the journal; a SQLite file cannot be taken.</summary>
    public Task Lost => _lock switch
    {
        PostgresJournalLock postgres => postgres.Lost,
        AzureJournalLock azure => azure.Lost,
        _ => new TaskCompletionSource().Task,
    };

    private IJournal Journal => _journal ?? throw new InvalidOperationException("The journal is not open.");

    /// <summary>Reads it from the settings, whose mistakes are reported with all others, and registers it.</summary>
    public static JournalComposition Add(IServiceCollection services, IConfiguration configuration, ServerRole role)
    {
        var section = configuration.GetSection(EvergrainOptions.Section);
        var composition = new JournalComposition(role, DataOf(section));
        IReadOnlyList<string> mistakes = [.. composition.ReadFormat(section), .. composition.Read(section)];
        services.AddSettingsRule(_ => mistakes);
        services.AddSingleton(_ => composition.Journal);
        services.AddSingleton(_ =>
            composition.Journal as IHistoryStore ?? new UnindexedHistories(composition.Journal));
        services.AddSingleton(composition._returns);
        services.AddSingleton<IReadiness>(composition);
        if (role == ServerRole.Alone)
        {
            services.AddSingleton(_ => (ITenantTotals)composition.Journal);
        }

        return composition;
    }

    /// <summary>The data directory of SQLite; null: the settings name another journal.</summary>
    public static string? SqliteDirectory(IConfiguration configuration)
    {
        var section = configuration.GetSection(EvergrainOptions.Section);
        return NameOf(section) == Sqlite ? DataOf(section) : null;
    }

    /// <summary>Whether the settings name Azure Storage.</summary>
    public static bool IsAzure(IConfiguration configuration) =>
        NameOf(configuration.GetSection(EvergrainOptions.Section)) == Azure;

    /// <summary>A journal in PostgreSQL, within the bounds that the settings give.</summary>
    /// <exception cref="InvalidOperationException">A bound is no number.</exception>
    public static PostgresJournalOptions PostgresAt(string url, IConfiguration configuration, int format) =>
        PostgresAt(url, configuration.GetSection(EvergrainOptions.Section).GetSection(PostgresBounds), format);

    /// <summary>A journal in Azure Storage, within the bounds that the settings give.</summary>
    /// <exception cref="InvalidOperationException">A bound is no number.</exception>
    public static AzureJournalOptions AzureAt(string account, IConfiguration configuration, int format) =>
        AzureAt(account, configuration.GetSection(EvergrainOptions.Section).GetSection(AzureBounds), format);

    /// <summary>Opens it. A process that runs alone lets no other in, and a cluster no other cluster.</summary>
    /// <param name="owner">Whose process this is.</param>
    /// <param name="services">Where the log is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">It cannot be, or another process has it.</exception>
    public async Task OpenAsync(
        JournalOwner owner, IServiceProvider services, CancellationToken cancellationToken)
    {
        var logger = services.GetRequiredService<ILogger<JournalComposition>>();
        var meters = services.GetRequiredService<IMeterFactory>();

        // A process that holds no conversations leaves the check to those that do.
        var keepsHistories = services.GetService<RecognitionOptions>() is not null;
        var check = services.GetService<ConversationInstruments>() is { } instruments
            ? new JournalCheckSetup(logger, instruments)
            : null;
        if (PostgresOptions is { } options)
        {
            (options.Logger, options.Check, options.KeepsHistories) = (logger, check, keepsHistories);
        }

        if (AzureOptions is { } account)
        {
            (account.Logger, account.Check) = (logger, check);
        }

        _journal = this switch
        {
            { PostgresOptions: { } postgres } => await OpenAsync(postgres, owner, cancellationToken),
            { AzureOptions: { } azure } => await OpenAsync(azure, owner, cancellationToken),
            _ => await SqliteJournal.OpenAsync(new SqliteJournalOptions
            {
                Directory = _data, Format = _format, KeepsHistories = keepsHistories, Logger = logger, Check = check,
            }, cancellationToken),
        };
        JournalInstruments.Add(meters, _journal);
        if (keepsHistories && _journal is not IHistoryStore)
        {
            LogUnindexed(logger, Place);
        }

        // A container ends first what it made last, and all that write to the journal ask for it later.
        _ = (services.GetService<IJournal>(), services.GetService<IHistoryStore>());
        _ = _role == ServerRole.Alone ? services.GetService<ITenantTotals>() : null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_journal is not null)
        {
            await _journal.DisposeAsync();
        }

        if (_lock is not null)
        {
            await _lock.DisposeAsync();
        }
    }

    private async Task<IJournal> OpenAsync(
        PostgresJournalOptions options, JournalOwner owner, CancellationToken cancellationToken)
    {
        var patience = new StartPatience(
            options.StartTimeout, PostgresFault.IsConnectionLost, options.Time, Console.Error);
        var held = await patience.OpenAsync(
            () => PostgresJournalLock.TakeAsync(options, owner, cancellationToken), cancellationToken);
        held.Retaken = _returns.Returned;
        _lock = held;
        return await patience.OpenAsync(() => PostgresJournal.OpenAsync(options, cancellationToken), cancellationToken);
    }

    private async Task<IJournal> OpenAsync(
        AzureJournalOptions options, JournalOwner owner, CancellationToken cancellationToken)
    {
        options.IsShared = owner.IsShared;
        var patience = new StartPatience(options.StartTimeout, AzureFault.IsAway, options.Time, Console.Error);
        var held = await patience.OpenAsync(
            () => AzureJournalLock.TakeAsync(options, owner, SayWaiting, cancellationToken), cancellationToken);
        held.Retaken = _returns.Returned;
        _lock = held;
        return await patience.OpenAsync(() => AzureJournal.OpenAsync(options, cancellationToken), cancellationToken);
    }

    private static void SayWaiting(string sentence) => Console.Error.WriteLine($"evergrain: {sentence}");

    private IEnumerable<string> ReadFormat(IConfigurationSection section)
    {
        if (section["JournalFormat"] is not { Length: > 0 } given)
        {
            yield break;
        }

        if (!int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var format) ||
            format is < RecordFormat.First or > RecordFormat.Newest)
        {
            yield return $"JournalFormat must be {RecordFormat.First} to {RecordFormat.Newest}, not '{given}'.";
            yield break;
        }

        _format = format;
    }

    private static string DataOf(IConfigurationSection section) => section["Data"] ?? DataDefault;

    private static string? UrlOf(IConfigurationSection section) =>
        section["JournalUrl"] is { Length: > 0 } given ? given : null;

    // A URL alone is one of PostgreSQL.
    private static string NameOf(IConfigurationSection section) =>
        section["Journal"] is { Length: > 0 } named ? named : UrlOf(section) is null ? Sqlite : Postgres;

    private IReadOnlyList<string> Read(IConfigurationSection section)
    {
        var (name, url) = (NameOf(section), UrlOf(section));
        return (name, url) switch
        {
            (Sqlite, not null) =>
                ["JournalUrl goes with Journal 'postgres' or 'azure': SQLite's file is in the directory that Data " +
                    "names."],
            (Postgres, null) =>
                ["Journal 'postgres' needs JournalUrl, such as postgres://user@127.0.0.1:5432/evergrain; with a " +
                    "password better as Evergrain__JournalUrl in the environment."],
            (Azure, null) =>
                ["Journal 'azure' needs JournalUrl: a storage account's connection string, best as " +
                    "Evergrain__JournalUrl in the environment, or https://NAME.blob.core.windows.net."],
            (Azure, not null) => [.. ReadAzure(section.GetSection(AzureBounds), url), .. FindClusterMistakes(section)],
            (Sqlite, null) when _role != ServerRole.Alone =>
                [$"Role '{section["Role"]}' needs a journal that processes share: give --journal-url, or " +
                    "Evergrain__JournalUrl in the environment."],
            (Sqlite, null) => [],
            (Postgres, not null) => ReadPostgres(section.GetSection(PostgresBounds), url),
            _ => [$"Journal must be '{Sqlite}', '{Postgres}' or '{Azure}', not '{name}'."],
        };
    }

    private IEnumerable<string> FindClusterMistakes(IConfigurationSection section) =>
        _role != ServerRole.Alone && ClusterAccount.FindMistake(section.GetSection("Cluster")["Id"]) is { } mistake
            ? [mistake]
            : [];

    private static AzureJournalOptions AzureAt(string account, IConfigurationSection bounds, int format) =>
        Bind<AzureJournalOptions>(bounds, nameof(AzureJournalOptions.Account), account, format);

    private static PostgresJournalOptions PostgresAt(string url, IConfigurationSection bounds, int format) =>
        Bind<PostgresJournalOptions>(bounds, nameof(PostgresJournalOptions.Url), url, format);

    // The section holds bounds; where it is does not stand among them, as it may hold a password or a key.
    private static T Bind<T>(IConfigurationSection bounds, string name, string place, int format) =>
        new ConfigurationBuilder()
            .AddConfiguration(bounds)
            .AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                [name] = place,
                [FormatName] = format.ToString(CultureInfo.InvariantCulture),
            })
            .Build().Get<T>()!;

    private IReadOnlyList<string> ReadAzure(IConfigurationSection bounds, string account)
    {
        try
        {
            AzureOptions = AzureAt(account, bounds, _format);
            _ = new AzureAccount(AzureOptions);
            return OptionRules.FindMistakes(AzureOptions, bounds.Path);
        }
        catch (Exception e) when (e is JournalUnavailableException or InvalidOperationException)
        {
            return [e.Message];
        }
    }

    private IReadOnlyList<string> ReadPostgres(IConfigurationSection bounds, string url)
    {
        try
        {
            _ = PostgresUrl.Parse(url);
            PostgresOptions = PostgresAt(url, bounds, _format);
            return OptionRules.FindMistakes(PostgresOptions, bounds.Path);
        }
        catch (Exception e) when (e is JournalUnavailableException or InvalidOperationException)
        {
            return [e.Message];
        }
    }

    [LoggerMessage(162, LogLevel.Warning, "The {Place} keeps no lasting index of histories yet: a history that is " +
        "sent again is recognised by a process that ran or delivered it, and by no other.")]
    private static partial void LogUnindexed(ILogger logger, string place);
}
