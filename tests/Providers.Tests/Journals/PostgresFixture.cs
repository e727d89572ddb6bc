using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;
using Npgsql;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A schema of one test on the shared server, and journals in it.</summary>
public abstract class PostgresFixture(PostgresServer server) : IAsyncLifetime
{
    /// <summary>Far beyond any honest run: a test that reaches it hangs.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    private readonly CancellationTokenSource _timeout = new(Timeout);
    private readonly List<PostgresJournal> _opened = [];

    protected static ConversationKey Key { get; } = new("default", new ConversationId(1));

    protected PostgresServer Server => server;

    protected CancellationToken Token => _timeout.Token;

    protected string Schema { get; } = server.NewSchema();

    protected string Url => UrlOver(server.Port);

    public Task InitializeAsync() => server.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (var journal in _opened)
        {
            await journal.DisposeAsync();
        }

        _timeout.Dispose();
    }

    protected static ConversationKey KeyOf(int number) => Key with { Id = new ConversationId((UInt128)number) };

    protected static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Runs a statement among the test's tables as another program would; gives its first value.</summary>
    protected Task<object?> ExecuteAsync(string sql) => server.ExecuteAsync(PostgresServer.Database, sql, Schema);

    /// <summary>Ends the sessions of the test's journals.</summary>
    protected Task TerminateAsync() => ExecuteAsync(
        $"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{Schema}'");

    /// <summary>A journal that ends with the test.</summary>
    protected Task<PostgresJournal> OpenAsync(int? port = null, double reconnectSeconds = 10,
        int lockMilliseconds = 5_000, int writers = 4) => OpenAsync(new PostgresJournalOptions
        {
            Url = UrlOver(port ?? server.Port),
            Schema = Schema,
            ReconnectTime = TimeSpan.FromSeconds(reconnectSeconds),
            LockTimeout = TimeSpan.FromMilliseconds(lockMilliseconds),
            WritersMax = writers,
        });

    protected async Task<PostgresJournal> OpenAsync(PostgresJournalOptions options)
    {
        var journal = await PostgresJournal.OpenAsync(options, Token);
        _opened.Add(journal);
        return journal;
    }

    protected async Task<List<JournalEntry>> ReadAsync(
        PostgresJournal journal, ConversationKey key, JournalEnd from = default)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(key, from, Token))
        {
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>What opening says, which holds no password.</summary>
    protected async Task<string> RefusedAsync(PostgresJournalOptions options)
    {
        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenAsync(options));
        Assert.DoesNotContain('\n', failure.Message);
        Assert.EndsWith(".", failure.Message, StringComparison.Ordinal);
        foreach (var text in (string[])[failure.Message, failure.ToString()])
        {
            Assert.DoesNotContain(PostgresServer.Password, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Uri.EscapeDataString(PostgresServer.Password), text, StringComparison.Ordinal);
        }

        return failure.Message;
    }

    /// <summary>Another session holds a conversation's row until its connection is closed.</summary>
    protected async Task<NpgsqlConnection> LockAsync(ConversationKey key)
    {
        var connection = await server.ConnectAsync(PostgresServer.Database, Schema);
        await using var command = new NpgsqlCommand($"""
            BEGIN; SELECT 1 FROM conversations
            WHERE tenant = '{key.Tenant}' AND id = '{key.Id.ToGuid()}' FOR UPDATE
            """, connection);
        await command.ExecuteNonQueryAsync(Token);
        return connection;
    }

    /// <summary>Ends when a session waits for a row that another holds.</summary>
    protected async Task UntilWaitingAsync()
    {
        while (await ExecuteAsync($"""
            SELECT count(*) FROM pg_stat_activity WHERE application_name = '{Schema}' AND wait_event_type = 'Lock'
            """) is 0L)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }

    protected async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }

    /// <summary>For sessions that look at indexes even where a table is so small that it is read whole.</summary>
    protected string UrlByIndex() => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = server.Port,
        Database = PostgresServer.Database,
        Username = PostgresServer.User,
        Password = PostgresServer.Password,
        Options = "-c enable_seqscan=off",
    }.ToString();

    protected string UrlOver(int port) => $"{server.Url(PostgresServer.Database, port)}?application_name={Schema}";
}
