using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>A transaction that the server rolled back: nothing of it was stored.</summary>
/// <param name="Error">What the server said.</param>
/// <param name="Culprit">The write at whose statement it said so, if it is known.</param>
internal sealed record RolledBack(PostgresException Error, PendingWrite? Culprit);

/// <summary>Some writes as one transaction, sent at once and answered at once.</summary>
internal static class WriteTransaction
{
    /// <summary>
    /// Commits the writes and marks those that are refused; null if it did. If the connection breaks they are marked as
    /// doubtful, and may be given in again: then an append that is there already is found and not refused.
    /// </summary>
    public static async Task<RolledBack?> CommitAsync(NpgsqlConnection connection, WriteStatements statements,
        IReadOnlyList<PendingWrite> writes, bool isWaitShort)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (isWaitShort)
        {
            batch.BatchCommands.Add(WriteStatements.WaitShortly());
        }

        var parts = new Part[writes.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = PartOf(writes[i], statements);
            parts[i].AddTo(batch);
            if (writes[i].Deleted is not null)
            {
                batch.BatchCommands.Add(statements.Forget(writes[i]));
            }
        }

        try
        {
            // Several statements between two synchronisations of the protocol are one transaction.
            await batch.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (PostgresException e) when (PostgresFault.IsAnswered(e))
        {
            return new RolledBack(e, Array.Find(parts, part => part.Holds(e.BatchCommand))?.Write);
        }
        catch (Exception)
        {
            Array.ForEach(parts, part => part.Write.IsDoubtful = true);
            throw;
        }

        Array.ForEach(parts, part => part.Write.IsRefused = part.IsRefused);
        return null;
    }

    private static Part PartOf(PendingWrite write, WriteStatements statements) => write switch
    {
        // That no conversation was deleted tells nothing: it may not have been there.
        { IsDelete: true } => new Part(write, statements.Delete(write), statements.Exists(write.Key)),
        { IsDoubtful: true } => new Part(write, statements.Append(write), statements.IsStored(write)),
        _ => new Part(write, statements.Append(write), Look: null),
    };

    /// <summary>A write, its statement, and a look at what is there afterwards.</summary>
    private sealed record Part(PendingWrite Write, NpgsqlBatchCommand Change, NpgsqlBatchCommand? Look)
    {
        public bool IsRefused => Look is null ? Change.Rows == 0 : Look.Rows > 0 == Write.IsDelete;

        public bool Holds(NpgsqlBatchCommand? command) => command is not null && (command == Change || command == Look);

        public void AddTo(NpgsqlBatch batch)
        {
            batch.BatchCommands.Add(Change);
            if (Look is not null)
            {
                batch.BatchCommands.Add(Look);
            }
        }
    }
}
