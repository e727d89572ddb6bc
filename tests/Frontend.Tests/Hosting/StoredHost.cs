using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Checks;
using Evergrain.Frontend.Embedded;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// The real thing: embedded conversations over a SQLite file, with the check that the settings describe. Another host
/// on the same directory is the same server after a restart.
/// </summary>
internal sealed class StoredHost : ConversationsHost
{
    private readonly ServiceProvider _services;
    private readonly IJournal _journal;

    private StoredHost(IJournal journal, TimeProvider time, (string Option, string? Value)[] settings)
    {
        _journal = journal;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(static setting =>
            KeyValuePair.Create($"Evergrain:{setting.Option}", setting.Value))).Build();
        _services = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(Log))
            .AddMetrics()
            .AddOptions()
            .AddSingleton(time)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton(journal)
            .AddSingleton<IModelBackend>(Model)
            .AddSingleton<IModelBackend>(new DemoBackend(["demo"], TimeProvider.System))
            .AddEmbeddedConversations(new EmbeddedOptions())
            .AddInputCheck(configuration)
            .BuildServiceProvider();
        Embedded = _services.GetRequiredService<EmbeddedConversations>();
    }

    public override IConversations Conversations => Embedded;

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    public EmbeddedConversations Embedded { get; }

    /// <summary>Models <c>echo</c> and <c>gated</c>; <c>demo</c> is there too.</summary>
    public GatedModel Model { get; } = new();

    public LogText Log { get; } = new();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public static Task<StoredHost> StartAsync(string directory, params (string Option, string? Value)[] settings) =>
        StartAsync(directory, TimeProvider.System, settings);

    public static async Task<StoredHost> StartAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings) => new(await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = directory }, CancellationToken.None), time, settings);

    /// <summary>How many appends the journal holds of a response's conversation.</summary>
    public async Task<int> CountAppendsAsync(string response, string tenant = "default")
    {
        Assert.True(ResponseId.TryParse(response, out var id));
        var count = 0;
        await foreach (var _ in _journal.ReadAsync(new ConversationKey(tenant, id.Conversation), JournalEnd.None,
            CancellationToken.None))
        {
            count++;
        }

        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _journal.DisposeAsync();
        await base.DisposeAsync();
    }
}

/// <summary>Everything that is logged, at every level.</summary>
internal sealed class LogText : ILoggerProvider, ILogger
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        lock (_gate)
        {
            _lines.Add($"{logLevel} {formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}
