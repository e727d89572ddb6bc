using System.Net.Sockets;
using Evergrain.Conversations.Ports;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>Where the journal is, as far as it may be printed: never the password.</summary>
internal sealed record PostgresPlace(string Server, string Database, string User);

/// <summary>What the failures of PostgreSQL and of the way to it mean, and how they are said.</summary>
internal static class PostgresFault
{
    /// <summary>
    /// Whether the server answered with an error: then it rolled the transaction back. After anything else it may or
    /// may not have committed.
    /// </summary>
    public static bool IsAnswered(Exception failure) => failure is PostgresException { InvariantSeverity: "ERROR" };

    /// <summary>Whether another connection may do better: this one broke, or could not be made just now.</summary>
    public static bool IsConnectionLost(Exception failure) => failure switch
    {
        // 08: connection exceptions; 57P0x: the server stops, crashed, is starting, or ended an idle session; 25P03 and
        // 25P04 likewise; 53300: all its places are taken.
        PostgresException error => error.SqlState is PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
            or PostgresErrorCodes.TooManyConnections or "57P05" or "25P03" or "25P04"
            || error.InvariantSeverity == "PANIC"
            || error.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException { IsTransient: true } => true,
        _ => failure is SocketException or IOException or TimeoutException,
    };

    /// <summary>The failure in one sentence: what is wrong, where, and the way out.</summary>
    public static JournalUnavailableException Unavailable(
        Exception failure, PostgresPlace place, bool isUnknown = false) =>
        new((failure is PostgresException error ? Describe(error, place) : Describe(failure, place)) +
            (isUnknown ? " Whether the append was stored is not known." : ""), failure)
        {
            Brief = BriefOf(failure),
        };

    /// <summary>Whether no other append would fare better now.</summary>
    public static bool HindersAll(Exception failure) => IsConnectionLost(failure) || failure is PostgresException
    {
        SqlState: PostgresErrorCodes.DiskFull or PostgresErrorCodes.ReadOnlySqlTransaction or
            PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable or
            PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.IoError,
    };

    /// <summary>Whether the server found a table or an index damaged.</summary>
    public static bool IsDamage(PostgresException failure) =>
        failure.SqlState is PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted;

    private static string BriefOf(Exception failure) => failure switch
    {
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => "The disk of PostgreSQL is full.",
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } => "PostgreSQL takes no writes.",
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName } =>
            "The journal's tables are gone from PostgreSQL.",
        _ when IsConnectionLost(failure) => "PostgreSQL cannot be reached.",
        _ => "PostgreSQL refuses to store.",
    };

    private static string Describe(PostgresException error, PostgresPlace place) => error.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword =>
            $"PostgreSQL at {place.Server} refuses the password of user {place.User}: correct the journal's URL.",
        PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"PostgreSQL at {place.Server} does not let user {place.User} in ({Text(error)}): " +
            "make the user, or allow it in pg_hba.conf.",
        PostgresErrorCodes.InvalidCatalogName =>
            $"PostgreSQL at {place.Server} has no database {place.Database}: make it, or name another.",
        PostgresErrorCodes.InsufficientPrivilege =>
            $"User {place.User} lacks rights in the database {place.Database} at {place.Server} ({Text(error)}): " +
            "grant them, or let the database's owner start once.",
        PostgresErrorCodes.DiskFull =>
            $"The disk of PostgreSQL at {place.Server} is full: free space on it and try again.",
        PostgresErrorCodes.TooManyConnections =>
            $"PostgreSQL at {place.Server} takes no more connections: raise max_connections, or close some.",
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected =>
            $"Another session holds what the journal at {place.Server} needs ({Text(error)}): end it and try again.",
        PostgresErrorCodes.QueryCanceled =>
            $"PostgreSQL at {place.Server} broke a statement off ({Text(error)}): see what it is busy with.",
        PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown =>
            $"PostgreSQL at {place.Server} is starting or stopping ({Text(error)}): try again in a moment.",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            $"PostgreSQL at {place.Server} takes no writes ({Text(error)}): name the primary server.",
        PostgresErrorCodes.ProtocolViolation when error.MessageText.Contains("startup parameter",
            StringComparison.Ordinal) =>
            $"The pooler at {place.Server} takes no settings with a session ({Text(error)}): connect to PostgreSQL " +
            "itself.",
        PostgresErrorCodes.UndefinedObject when error.InvariantSeverity == "FATAL" =>
            $"PostgreSQL at {place.Server} is too old for this program ({Text(error)}): use a newer one.",
        PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted =>
            $"The journal at {place.Server} is damaged ({Text(error)}): restore it from a backup.",
        _ => $"The journal at {place.Server} cannot be read or written ({Text(error)}, PostgreSQL code " +
            $"{error.SqlState}): see the server's log.",
    };

    private static string Describe(Exception failure, PostgresPlace place)
    {
        var socket = failure as SocketException ?? failure.InnerException as SocketException;
        return socket?.SocketErrorCode switch
        {
            SocketError.ConnectionRefused =>
                $"Nothing listens at {place.Server}: start PostgreSQL there, or correct the journal's URL.",
            SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain =>
                $"The host of {place.Server} is not known: correct the journal's URL.",
            _ when (failure.InnerException ?? failure) is TimeoutException =>
                $"PostgreSQL at {place.Server} does not answer in time: see whether it runs and can be reached.",
            _ => $"PostgreSQL at {place.Server} cannot be reached ({Text(failure)}): see whether it runs, " +
                "and check the journal's URL.",
        };
    }

    private static string Text(PostgresException error) => error.MessageText.ReplaceLineEndings(" ");

    private static string Text(Exception failure)
    {
        var innermost = failure.InnerException is { } inner ? $"{failure.Message}: {inner.Message}" : failure.Message;
        return innermost.ReplaceLineEndings(" ");
    }
}
