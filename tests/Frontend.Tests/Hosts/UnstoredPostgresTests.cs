using System.Text;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Npgsql;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>What an unstored loop leaves in PostgreSQL and in its log: nothing.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class UnstoredPostgresTests(PostgresServer server)
{
    private const string Marker = "unstored-marker";

    private static readonly HostSetup Setup = new()
    {
        Recognition = new RecognitionOptions { Recognition = "all" },
    };

    [Fact]
    public async Task Content_OfARecognisedLoop_IsInNoTableAndNoLog()
    {
        var database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, $"ALTER DATABASE \"{database}\" SET log_statement = 'all'");
        await using (var host = await InProcessHosts.Postgres(server, database).StartAsync(Setup))
        {
            var stored = new ResentChat(host);
            await stored.SayAsync("stored-marker");
            var unstored = new ResentChat(host) { IsStored = false, Items = [.. stored.Items] };
            var (first, second) = (await unstored.AskAsync(Marker), await unstored.AskAsync($"{Marker} again"));
            Assert.Equal(first.Conversation, second.Conversation);
        }

        await using var connection = await server.ConnectAsync(database);
        var tables = (await ReadAsync(connection,
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'evergrain'")).Split('\n');
        var held = await File.ReadAllTextAsync(Path.Combine(server.SocketFolder, "log"));
        Assert.Contains("INSERT", held, StringComparison.Ordinal);
        foreach (var table in tables)
        {
            held += await ReadAsync(connection, $"SELECT * FROM {table}");
        }

        Assert.Contains("stored-marker", held, StringComparison.Ordinal);
        Assert.DoesNotContain(Marker, held, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Marker)), held, StringComparison.Ordinal);
    }

    /// <summary>What a query gives, a row a line, bytes as text.</summary>
    private static async Task<string> ReadAsync(NpgsqlConnection connection, string query)
    {
        await using var command = new NpgsqlCommand(query, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            var row = new object[reader.FieldCount];
            reader.GetValues(row);
            rows.Add(string.Concat(row.Select(
                static value => value is byte[] bytes ? Encoding.Latin1.GetString(bytes) : $"{value}")));
        }

        return string.Join('\n', rows);
    }
}
