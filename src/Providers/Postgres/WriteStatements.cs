using Evergrain.Conversations.Ids;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The statements that write, each with the log's end as its condition: if that is not met, nothing changes.
/// </summary>
internal sealed class WriteStatements(string schema)
{
    // A row that is held for longer than this held up a whole transaction for the full time already.
    private const string ShortWait = "SELECT set_config('lock_timeout', '100ms', true)";

    private readonly string _begin = $"""
        WITH head AS (
          INSERT INTO "{schema}".conversations (tenant, id, next, writer) VALUES ($1, $2, 1, $3)
          ON CONFLICT DO NOTHING RETURNING number)
        INSERT INTO "{schema}".appends (conversation, position, writer, records, schema_version)
        SELECT number, 0, $3, $4, {PostgresSchema.Version} FROM head
        """;

    private readonly string _append = $"""
        WITH head AS (
          UPDATE "{schema}".conversations SET next = next + 1, writer = $3
          WHERE tenant = $1 AND id = $2 AND next = $5 AND writer = $6 RETURNING number)
        INSERT INTO "{schema}".appends (conversation, position, writer, records, schema_version)
        SELECT number, $5, $3, $4, {PostgresSchema.Version} FROM head
        """;

    private readonly string _stored = $"""
        SELECT 1 FROM "{schema}".conversations c JOIN "{schema}".appends a ON a.conversation = c.number
        WHERE c.tenant = $1 AND c.id = $2 AND a.position = $3 AND a.writer = $4
        """;

    private readonly string _delete = $"""
        WITH head AS (
          DELETE FROM "{schema}".conversations WHERE tenant = $1 AND id = $2 AND next = $3 AND writer = $4
          RETURNING number)
        DELETE FROM "{schema}".appends USING head WHERE conversation = head.number
        """;

    private readonly string _forget = PostgresHistories.Forget(schema);

    private readonly string _exists = $"""SELECT 1 FROM "{schema}".conversations WHERE tenant = $1 AND id = $2""";

    /// <summary>Makes the commands of a transaction wait for locks but shortly.</summary>
    public static NpgsqlBatchCommand WaitShortly() => new(ShortWait);

    /// <summary>Adds one row, or none if the log does not end where it should.</summary>
    public NpgsqlBatchCommand Append(PendingWrite write)
    {
        var command = OfConversation(write.End.Position == 0 ? _begin : _append, write.Key);
        command.Parameters.Add(Number((long)write.Writer));
        command.Parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>> { TypedValue = write.Records });
        if (write.End.Position > 0)
        {
            command.Parameters.Add(Number(write.End.Position));
            command.Parameters.Add(Number((long)write.End.LastWriter));
        }

        return command;
    }

    /// <summary>Gives a row if the append is there: its writer's, at its position.</summary>
    public NpgsqlBatchCommand IsStored(PendingWrite write)
    {
        var command = OfConversation(_stored, write.Key);
        command.Parameters.Add(Number(write.End.Position));
        command.Parameters.Add(Number((long)write.Writer));
        return command;
    }

    /// <summary>Removes the conversation with all its appends if it ends where it should.</summary>
    public NpgsqlBatchCommand Delete(PendingWrite write)
    {
        var command = OfConversation(_delete, write.Key);
        command.Parameters.Add(Number(write.End.Position));
        command.Parameters.Add(Number((long)write.End.LastWriter));
        return command;
    }

    /// <summary>Takes the turns that an append deletes out of the index, if the append is stored.</summary>
    public NpgsqlBatchCommand Forget(PendingWrite write)
    {
        var command = OfConversation(_forget, write.Key);
        command.Parameters.Add(Number(write.End.Position));
        command.Parameters.Add(Number((long)write.Writer));
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. write.Deleted!] });
        return command;
    }

    /// <summary>Gives a row if the conversation is there.</summary>
    public NpgsqlBatchCommand Exists(ConversationKey key) => OfConversation(_exists, key);

    private static NpgsqlBatchCommand OfConversation(string sql, ConversationKey key)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key.Tenant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = key.Id.ToGuid() });
        return command;
    }

    private static NpgsqlParameter<long> Number(long value) => new() { TypedValue = value };
}
