using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// An advisory lock of the journal's schema, held by one session for as long as the process serves: exclusively by a
/// process that runs alone, shared by the processes of a cluster. A second lock, shared, says which format of records
/// the process agrees on, and a third one whose the journal is (<see cref="JournalOwner"/>).
/// </summary>
/// <remarks>
/// A session that breaks loses the lock. The process goes on meanwhile: the condition of each append keeps two writers
/// of a conversation apart. The lock is taken again when the database is back; if another process took it first,
/// <see cref="Lost"/> fails. A process that was killed is gone from the server within moments; a host that vanished,
/// within half a minute.
/// </remarks>
public sealed class PostgresJournalLock : IAsyncDisposable
{
    // A process that ended a moment ago may still have it. The session waits long for nothing but its end.
    private static readonly (string Name, string Value)[] Settings =
        [("lock_timeout", "2000"), ("idle_session_timeout", "0")];

    // The same time for what is not waited for by PostgreSQL itself.
    private const int LooksForOwner = 20;
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private const int TimeoutSeconds = 5;
    private const int BegunColumn = 2;
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    // A process number is used again; with the time of its start it names one session.
    private const string EndSession =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";

    private readonly PostgresPlace _place;
    private readonly string _schema;
    private readonly string _connectionString;
    private readonly string _statement;
    private readonly string _journal;
    private readonly JournalOwner _owner;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _released = new();
    private Task _holding = Task.CompletedTask;
    private (int Process, DateTime Begun) _session;

    private PostgresJournalLock(PostgresJournalOptions options, JournalOwner owner)
    {
        _owner = owner;
        var settings = PostgresUrl.Parse(options.Url);
        _place = PostgresUrl.PlaceOf(settings);
        (_time, _schema) = (options.Time, options.Schema);

        // Server and client look whether the other is there, so that neither holds on to a session that is gone.
        settings.Options = $"{settings.Options} {SessionSettings.WordsOf(Settings)} " +
            "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";
        settings.ApplicationName = OwnerMark.SessionNameOf(owner);
        settings.Pooling = false;
        settings.Timeout = settings.CommandTimeout = TimeoutSeconds;
        settings.TcpKeepAlive = !settings.Host!.StartsWith('/');
        settings.TcpKeepAliveTime = 10;
        settings.TcpKeepAliveInterval = 5;
        _connectionString = settings.ToString();
        _statement = $"SELECT pg_advisory_lock{(owner.IsShared ? "_shared" : "")}" +
            $"(hashtextextended('evergrain processes {options.Schema}', 0)), " +
            $"pg_advisory_lock_shared({PostgresFormat.LockOf(options.Schema, options.Format)}), " +
            "(SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())";
        _journal = $"The journal in PostgreSQL at {_place.Server} (database {_place.Database}, schema " +
            $"{options.Schema})";
    }

    /// <summary>
    /// Fails with a <see cref="JournalUnavailableException"/> when another process has the lock, or has written what
    /// this build does not read.
    /// </summary>
    public Task Lost => _holding;

    /// <summary>
    /// Is told when a session that broke is made anew: the server may be another, with an older copy.
    /// </summary>
    public Action? Retaken { get; set; }

    /// <summary>Takes it, and holds it until disposed.</summary>
    /// <param name="options">Where the journal is.</param>
    /// <param name="owner">Whose process this is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">
    /// Another process has it, it is another cluster's, or the server cannot be reached or refuses.
    /// </exception>
    public static async Task<PostgresJournalLock> TakeAsync(PostgresJournalOptions options, JournalOwner owner,
        CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var held = new PostgresJournalLock(options, owner);
        try
        {
            var session = await held.OpenAsync(cancellationToken);
            held._holding = held.HoldAsync(session);
            return held;
        }
        catch (Exception e) when (IsFault(e))
        {
            throw PostgresFault.Unavailable(e, held._place);
        }
    }

    /// <summary>Lets it go.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _holding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _released.Dispose();
    }

    private static bool IsFault(Exception e) => e is NpgsqlException || PostgresFault.IsConnectionLost(e);

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var session = new NpgsqlConnection(_connectionString);
        try
        {
            await session.OpenAsync(cancellationToken);
            await SessionSettings.CheckAsync(session, _place, Settings, cancellationToken);
            var begun = await LockAsync(session, cancellationToken);
            if (await MarkAsync(session, cancellationToken) is { } other)
            {
                throw new JournalUnavailableException(_owner.Refusal(_journal, other, "schema"));
            }

            _session = (session.ProcessID, begun);
            return session;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            await session.DisposeAsync();
            throw new JournalUnavailableException(_owner.Refusal(_journal, other: null, "schema"), e);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes the journal's lock and the format's; gives when the session began.</summary>
    private async Task<DateTime> LockAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(_statement, session);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return await reader.GetFieldValueAsync<DateTime>(BegunColumn, cancellationToken);
    }

    /// <summary>Marks the journal as the owner's; gives another one that is there all the time.</summary>
    private async Task<string?> MarkAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        for (var look = 1; ; look++)
        {
            var other = await OwnerMark.MarkAsync(_owner, session, _schema, cancellationToken);
            if (other is null || look == LooksForOwner)
            {
                return other;
            }

            await Task.Delay(LookInterval, _time, cancellationToken);
        }
    }

    private async Task HoldAsync(NpgsqlConnection session)
    {
        try
        {
            while (true)
            {
                await WaitUntilBrokenAsync(session);
                session = await OpenAgainAsync();
                Retaken?.Invoke();
            }
        }
        catch (OperationCanceledException) when (_released.IsCancellationRequested)
        {
            // Let go.
        }
        finally
        {
            await session.DisposeAsync();
        }
    }

    // Nobody notifies this session: the wait ends with the session, or with the lock's release.
    private async Task WaitUntilBrokenAsync(NpgsqlConnection session)
    {
        try
        {
            while (true)
            {
                await session.WaitAsync(_released.Token);
            }
        }
        catch (Exception e) when (IsFault(e))
        {
            await session.DisposeAsync();
        }
    }

    private async Task<NpgsqlConnection> OpenAgainAsync()
    {
        while (true)
        {
            try
            {
                var session = await OpenInPlaceAsync();
                await CheckFormatAsync(session);
                return session;
            }
            catch (Exception e) when (IsFault(e))
            {
                await Task.Delay(RetryInterval, _time, _released.Token);
            }
        }
    }

    // PostgreSQL may not know yet that the broken session is gone. A session of another process keeps the lock.
    private async Task<NpgsqlConnection> OpenInPlaceAsync()
    {
        try
        {
            return await OpenAsync(_released.Token);
        }
        catch (JournalUnavailableException)
        {
            await EndOwnSessionAsync();
            return await OpenAsync(_released.Token);
        }
    }

    private async Task EndOwnSessionAsync()
    {
        var (process, begun) = _session;
        await using var session = new NpgsqlConnection(_connectionString);
        await session.OpenAsync(_released.Token);
        await using var command = new NpgsqlCommand(EndSession, session)
        {
            Parameters =
            {
                new NpgsqlParameter<int> { TypedValue = process },
                new NpgsqlParameter<DateTime> { TypedValue = begun },
            },
        };
        await command.ExecuteNonQueryAsync(_released.Token);
    }

    // Without the lock, the others may have agreed on a format that this build does not read.
    private async Task CheckFormatAsync(NpgsqlConnection session)
    {
        try
        {
            if (await SchemaCommands.ExistsAsync(
                session, $"to_regclass('\"{_schema}\".schema_version')", _released.Token))
            {
                await PostgresFormat.CheckAsync(session, _place, _schema, _released.Token);
            }
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }
}
