using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Reads the table of conversations itself, and compares the indexes with it. One connection's statements, for one
/// thread at a time.
/// </summary>
internal sealed class SqliteRoster : IDisposable
{
    private const int IdBytes = 16;
    private const int CountMax = 256;

    // Half of what a slice may take: a page may be slow to come from the disk.
    private static readonly TimeSpan TimeMax = TimeSpan.FromMilliseconds(50);

    // Asked for what no index leads to, these rows say that it is not there.
    private readonly ConversationRows _rows;
    private readonly Statement _scan, _listed;

    public SqliteRoster(sqlite3 database)
    {
        _rows = new ConversationRows(database, new HiddenConversations());
        _scan = new Statement(database,
            "SELECT number, tenant, id, next FROM conversations WHERE number > ?1 ORDER BY number");
        _listed = new Statement(database, """
            SELECT 1 FROM conversations INDEXED BY conversations_by_tenant WHERE tenant = ?1 AND number = ?2
            """);
    }

    /// <summary>
    /// The conversations behind a number, and the heads of those whose rows tell of fewer appends than there are.
    /// </summary>
    public (RosterPage Page, List<(long Conversation, long Next)> Lagging) Read(long behind)
    {
        string? damage = null;
        for (var skip = 1L; ; skip *= 2)
        {
            try
            {
                var (page, lagging) = ReadBehind(behind);
                return (page with { Damage = damage ?? page.Damage }, lagging);
            }
            catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_CORRUPT)
            {
                // Goes on behind the damaged page, however many numbers it holds.
                damage ??= $"behind number {behind} ({e.Message})";
                if (behind > long.MaxValue - skip || skip > long.MaxValue / 2)
                {
                    return (new RosterPage([], Next: null, damage), []);
                }

                behind += skip;
            }
        }
    }

    public void Dispose()
    {
        _rows.Dispose();
        _scan.Dispose();
        _listed.Dispose();
    }

    private (RosterPage Page, List<(long Conversation, long Next)> Lagging) ReadBehind(long behind)
    {
        var entries = new List<RosterEntry>();
        var lagging = new List<(long Conversation, long Next)>();
        var begun = TimeProvider.System.GetTimestamp();
        var next = behind;
        _scan.Bind(1, behind);
        try
        {
            while (_scan.Step())
            {
                // Numbers of a damaged page may not rise. The next part begins further on all the same.
                next = Math.Max(behind + 1, _scan.Int64(0));
                entries.Add(Look(lagging) with { Number = _scan.Int64(0) });
                if (entries.Count == CountMax || TimeProvider.System.GetElapsedTime(begun) > TimeMax)
                {
                    return (new RosterPage(entries, next), lagging);
                }
            }

            return (new RosterPage(entries, Next: null), lagging);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_CORRUPT && entries.Count > 0)
        {
            // The next part begins with the damage.
            return (new RosterPage(entries, next), lagging);
        }
        finally
        {
            _scan.Reset();
        }
    }

    private RosterEntry Look(List<(long Conversation, long Next)> lagging)
    {
        var row = new ConversationRow(_scan.Int64(0), _scan.Int64(3));
        if (_scan.Bytes(2) is not { Length: IdBytes } id)
        {
            return new RosterEntry(default, $"the row of number {row.Number} has no id", IsHidden: false);
        }

        var key = new ConversationKey(_scan.Text(1), new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(id)));
        try
        {
            if (_rows.Find(key) is not { } found)
            {
                return new RosterEntry(key, "no index leads to it", IsHidden: true);
            }

            var end = _rows.ReadEnd(row);
            if (end.Position > row.Next)
            {
                lagging.Add((row.Number, end.Position));
            }

            return new RosterEntry(key, Compare(row, found, key.Tenant), IsHidden: false);
        }
        catch (Exception e) when (
            e is JournalCorruptException or SqliteException { SqliteErrorCode: raw.SQLITE_CORRUPT })
        {
            return new RosterEntry(key, e.Message, IsHidden: false);
        }
    }

    private string? Compare(ConversationRow row, ConversationRow found, string tenant) =>
        found.Number != row.Number ? "its id stands in the table twice"
        : _listed.Bind(1, tenant).Bind(2, row.Number).FirstInt64() is null ? "its tenant's list does not have it"
        : null;
}
