using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// One prepared statement, bound and stepped without allocating. It takes spans, which ADO.NET's commands do not. Like
/// its connection, it serves one thread at a time.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    public Statement(sqlite3 database, string sql)
    {
        _database = database;
        Check(database, raw.sqlite3_prepare_v3(database, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public static void Execute(sqlite3 database, string sql)
    {
        using var statement = new Statement(database, sql);
        statement.Run();
    }

    public static long ExecuteInt64(sqlite3 database, string sql)
    {
        using var statement = new Statement(database, sql);
        return statement.Step() ? statement.Int64(0) : 0;
    }

    public static void Check(sqlite3 database, int code)
    {
        if (code is raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE)
        {
            return;
        }

        var message = raw.sqlite3_errmsg(database).utf8_to_string();
        throw new SqliteException(message, code & 0xff, raw.sqlite3_extended_errcode(database));
    }

    /// <summary>Binds parameter <paramref name="index"/>, from 1.</summary>
    public Statement Bind(int index, long value)
    {
        Check(_database, raw.sqlite3_bind_int64(_statement, index, value));
        return this;
    }

    /// <summary>Binds a copy of the text.</summary>
    public Statement Bind(int index, string value)
    {
        Check(_database, raw.sqlite3_bind_text(_statement, index, value));
        return this;
    }

    /// <summary>Binds a copy of the bytes.</summary>
    public Statement Bind(int index, ReadOnlySpan<byte> value)
    {
        Check(_database, raw.sqlite3_bind_blob(_statement, index, value));
        return this;
    }

    /// <summary>Goes to the next row; false when there is none.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(_statement);
        Check(_database, code);
        return code == raw.SQLITE_ROW;
    }

    /// <summary>The integer in column <paramref name="column"/>, from 0.</summary>
    public long Int64(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>The bytes in column <paramref name="column"/>; valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(_statement, column);

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    /// <summary>Whether column <paramref name="column"/> holds nothing.</summary>
    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    /// <summary>Steps once, to the end, and makes ready for the next use, whether it went well or not.</summary>
    public void Run()
    {
        try
        {
            _ = Step();
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>The first column of the first row, or null when there is no row.</summary>
    public long? FirstInt64()
    {
        try
        {
            return Step() ? Int64(0) : null;
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Makes ready for the next use and lets go of bound bytes. A failed step has reported already.</summary>
    public void Reset()
    {
        _ = raw.sqlite3_reset(_statement);
        _ = raw.sqlite3_clear_bindings(_statement);
    }

    public void Dispose() => _statement.Dispose();
}
