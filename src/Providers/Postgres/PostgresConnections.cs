using Evergrain.Conversations.Ports;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The connections to one server, few and bounded, and what is done when one breaks: try again over another, with
/// growing pauses, for a bounded time.
/// </summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    // Beside its records, what an append takes on the wire: the tenant twice over, and Parse the first time.
    private const int MessageBytesMax = 512;
    private const int StatementTextBytes = 4_096;
    private const int ReadBufferBytes = 64 << 10;

    // More statements than there are; each is prepared when a connection first meets it.
    private const int StatementsMax = 16;

    // The first try over a new connection comes at once: usually only the old one was broken.
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(1);
    private const double JitterShare = 0.5;

    private readonly TimeProvider _time;
    private readonly TimeSpan _reconnectTime;
    private readonly RandomIdSource _chance = new();

    public PostgresConnections(PostgresJournalOptions options)
    {
        _time = options.Time;
        _reconnectTime = options.ReconnectTime;
        var settings = PostgresUrl.Parse(options.Url);
        Place = PostgresUrl.PlaceOf(settings);
        Configure(settings, options);
        Reads = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(settings.ToString())
        {
            ReadBufferSize = ReadBufferBytes,
            MaxPoolSize = options.ReadersMax,
        });

        // What one transaction sends fits into the buffer and then, since nothing else is on its way, into the
        // socket's: the operating system has all of it or nothing.
        settings.WriteBufferSize =
            options.TransactionBytesMax + (options.TransactionCountMax * MessageBytesMax) + StatementTextBytes;
        settings.SocketSendBufferSize = settings.WriteBufferSize;
        // One more for ends of turns, so that an append never waits for the connection that these have.
        settings.MaxPoolSize = options.WritersMax + (options.KeepsHistories ? 1 : 0);
        Writes = NpgsqlDataSource.Create(settings);
    }

    public PostgresPlace Place { get; }

    public PostgresMeter Meter { get; } = new();

    /// <summary>For appends and deletes; also for the schema, before there are any.</summary>
    public NpgsqlDataSource Writes { get; }

    public NpgsqlDataSource Reads { get; }

    /// <summary>
    /// Does some work over a connection. If that breaks, the work is done again over another one, from its start: it
    /// must not mind. Throws what the last try threw.
    /// </summary>
    /// <param name="source">Whose connections.</param>
    /// <param name="work">What to do over one.</param>
    /// <param name="since">
    /// The moment from which the time for new tries counts, so that who waited behind others' tries does not wait as
    /// long again; null: from the first failure.
    /// </param>
    /// <param name="cancellationToken">Ends it between two tries.</param>
    public async Task<T> RunAsync<T>(NpgsqlDataSource source, Func<NpgsqlConnection, Task<T>> work, long? since,
        CancellationToken cancellationToken)
    {
        var broken = 0L;
        for (var failures = 0; ; failures++)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(cancellationToken);
                return await work(connection);
            }
            catch (Exception e) when (PostgresFault.IsConnectionLost(e) && !cancellationToken.IsCancellationRequested)
            {
                broken = failures == 0 ? since ?? _time.GetTimestamp() : broken;
                var left = _reconnectTime - _time.GetElapsedTime(broken);
                if (left <= TimeSpan.Zero)
                {
                    throw;
                }

                Meter.Reconnecting();
                var pause = PauseAfter(failures);
                await Task.Delay(pause < left ? pause : left, _time, cancellationToken);
            }
        }
    }

    /// <summary>The moment that <see cref="RunAsync"/> counts from.</summary>
    public long Now() => _time.GetTimestamp();

    public async ValueTask DisposeAsync()
    {
        await Writes.DisposeAsync();
        await Reads.DisposeAsync();
    }

    private static bool IsUnixSocket(NpgsqlConnectionStringBuilder settings) => settings.Host!.StartsWith('/');

    private static void Configure(NpgsqlConnectionStringBuilder settings, PostgresJournalOptions options)
    {
        settings.Options = $"{settings.Options} {SessionSettings.Words(options)}".Trim();
        settings.ApplicationName ??= "evergrain";
        settings.Pooling = true;
        settings.MinPoolSize = 0;
        settings.Multiplexing = false;
        settings.Enlist = false;
        settings.MaxAutoPrepare = StatementsMax;
        settings.AutoPrepareMinUsages = 1;
        settings.IncludeFailedBatchedCommand = true;

        // The session's state is never changed, so there is nothing to reset.
        settings.NoResetOnClose = true;
        settings.CommandTimeout = (int)Math.Ceiling(options.StatementTimeout.TotalSeconds) + 5;
        var connect = Math.Max(1, (int)options.ReconnectTime.TotalSeconds);
        settings.Timeout = settings.Timeout == 0 ? connect : Math.Min(settings.Timeout, connect);

        if (!IsUnixSocket(settings))
        {
            // A host that vanished is noticed on idle connections too.
            settings.TcpKeepAlive = true;
            settings.TcpKeepAliveTime = 10;
            settings.TcpKeepAliveInterval = 5;
        }
    }

    private TimeSpan PauseAfter(int failures)
    {
        if (failures == 0)
        {
            return TimeSpan.Zero;
        }

        var doubled = PauseMin * Math.Pow(2, Math.Min(failures - 1, 10));
        var longest = doubled < PauseMax ? doubled : PauseMax;
        var chance = (_chance.Next64() >> 11) * (1.0 / (1UL << 53));
        return longest * (1 - (JitterShare * chance));
    }
}
