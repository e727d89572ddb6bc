using System.Buffers.Binary;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Silo.Commands;
using Evergrain.Suites.Hosting;
using Evergrain.Tests.Services;
using Microsoft.Data.Sqlite;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary><c>evergrain copy</c>, from one directory into another.</summary>
[Collection(nameof(ProcessTests))]
public sealed class CopyTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-copy-");
    private readonly CancellationTokenSource _patience = new(3 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    private string Source => Path.Combine(_folder.FullName, "source");

    private string Target => Path.Combine(_folder.FullName, "target");

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Copy_WithADamagedConversation_NamesItAndCopiesTheOthers()
    {
        string damaged;
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(Source), Token))
        {
            var made = await KeptConversations.MakeAsync(server, 5, Token);
            damaged = $"conv_{made[2].Split('_')[1]}";
            await server.KillAsync();
        }

        Damage(IdArgument.Read(damaged).Value);
        var commands = new CommandProcess(Token);
        var said = await commands.RunAsync("copy", "--from", $"sqlite:{Source}", "--to", $"sqlite:{Target}", "--json");

        Assert.Equal(1, said.ExitCode);
        Assert.Contains($"{damaged} of default is not copied: ", said.Error, StringComparison.Ordinal);
        Assert.Equal((5, 4), (said.Json.GetProperty("conversations").GetInt32(),
            said.Json.GetProperty("copied").GetInt32()));
        Assert.Equal(damaged, Assert.Single(said.Json.GetProperty("damaged").EnumerateArray())
            .GetProperty("id").GetString());
        var listed = (await commands.RunAsync("list", "--data", Target, "--json")).Succeeded().Json;
        Assert.Equal(4, listed.GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task Mistakes_AreOneSentence()
    {
        var commands = new CommandProcess(Token);
        string from = $"sqlite:{Source}", to = $"sqlite:{Target}";

        (await commands.RunAsync("copy", "--from", from, "--to", to)).AssertRefused("There is no journal");
        (await commands.RunAsync("copy", "--from", from, "--to", from)).AssertRefused("the same journal");
        (await commands.RunAsync("copy", "--from", Source, "--to", to)).AssertRefused("--from must be sqlite:DIR");
        (await commands.RunAsync("copy", "--from", from, "--to", "azure://account:key@x"))
            .AssertRefused("--to must be sqlite:DIR, azure, or a URL that --journal-url takes");
        (await commands.RunAsync("copy", "--from", from, "--to", "sqlite://data")).AssertRefused("names no directory");
        Assert.False(Directory.Exists(Source) || Directory.Exists(Target));
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(Source), Token);
        (await commands.RunAsync("copy", "--from", from, "--to", to)).AssertRefused("is in use by another process");
        Assert.False(Directory.Exists(Target));
        await server.TerminateAsync(Token);
        await server.ExitAsync(Token);
        (await commands.RunAsync("copy", "--from", from, "--to", "postgres://nobody@127.0.0.1:1/none"))
            .AssertRefused("Nothing listens at 127.0.0.1:1");
    }

    private void Damage(UInt128 id)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(Source, "evergrain.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "UPDATE appends SET records = zeroblob(length(records)) WHERE position = 1 AND " +
            "conversation = (SELECT number FROM conversations WHERE id = $id)";
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, id);
        command.Parameters.AddWithValue("$id", bytes);
        Assert.Equal(1, command.ExecuteNonQuery());
    }
}

/// <summary><c>evergrain copy</c>, from a directory into PostgreSQL: the way from one machine to a cluster.</summary>
[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresCopyTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-copy-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(20));
    private string _database = "";

    private CancellationToken Token => _patience.Token;

    private string Source => Path.Combine(_folder.FullName, "source");

    private string Url => postgres.Url(_database);

    private string[] Copy => ["copy", "--from", $"sqlite:{Source}", "--to", Url, "--json"];

    // A member of a cluster, although it is the only one.
    private ServerSettings Cluster => ServerSettings.OnPostgres(Url).With("Role", "both")
        .With("Cluster__SiloAddress", "127.0.0.1");

    public async Task InitializeAsync() => _database = await postgres.CreateDatabaseAsync();

    public Task DisposeAsync()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public Task Hundreds_GoOnByIdInACluster() => GoOnAsync(200);

    [Fact]
    [Trait("Needs", "Long")]
    public Task TenThousand_GoOnByIdInACluster() => GoOnAsync(10_000);

    [Fact]
    public async Task Copy_KilledInTheMiddle_IsNotServed_AndGoesOn()
    {
        var made = await MakeAsync(100);
        await using (var empty = await ServerProcess.StartAsync(ServerSettings.OnPostgres(Url), Token))
        {
            // It makes the tables.
            await empty.KillAsync();
        }

        var commands = new CommandProcess(Token);
        await using (var other = await postgres.ConnectAsync(_database))
        {
            // Another session is about to begin one of the conversations: the copy waits for its row.
            var id = new byte[16];
            BinaryPrimitives.WriteUInt128BigEndian(id, IdArgument.Read(made[50]).Value);
            await using var begin = other.CreateCommand();
            begin.CommandText = "BEGIN; INSERT INTO evergrain.conversations (tenant, id, next, writer) VALUES " +
                $"('default', '{new Guid(id, bigEndian: true)}', 1, 1)";
            await begin.ExecuteNonQueryAsync(Token);
            using var copy = commands.Start(Copy);
            while (await ExecuteAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " +
                "datname = current_database()") == 0)
            {
                Assert.False(copy.HasExited, "the copy ended before it was killed");
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
            }

            copy.Kill();
            await copy.WaitForExitAsync(Token);
        }

        Assert.InRange(await ExecuteAsync("SELECT count(*) FROM evergrain.conversations"), 1, 99);
        var (exitCode, error) = await ServerProcess.RefuseAsync(ServerSettings.OnPostgres(Url));
        Assert.Equal(1, exitCode);
        Assert.Contains("is an unfinished copy: run evergrain copy again", error, StringComparison.Ordinal);

        var said = (await commands.RunAsync(Copy)).Succeeded();

        Assert.Equal(100, said.Json.GetProperty("copied").GetInt32());
        await using var server = await ServerProcess.StartAsync(Cluster, Token);
        await made.GoOnAsync(server, Token);
    }

    [Fact]
    public async Task Copy_IntoAJournalThatIsServed_OrWas_IsRefused()
    {
        await MakeAsync(1);
        var commands = new CommandProcess(Token);
        foreach (var settings in (ServerSettings[])[Cluster, ServerSettings.OnPostgres(Url)])
        {
            await using var server = await ServerProcess.StartAsync(settings, Token);
            (await commands.RunAsync(Copy)).AssertRefused("is in use by another process");
            (await commands.RunAsync("copy", "--from", Url, "--to", $"sqlite:{Source}-back"))
                .AssertRefused("is in use by another process");
        }

        await UntilNobodyIsThereAsync();
        (await commands.RunAsync(Copy)).Succeeded();
        (await commands.RunAsync(Copy)).AssertRefused("holds conversations, and no unfinished copy");
    }

    private async Task GoOnAsync(int count)
    {
        var made = await MakeAsync(count);
        var commands = new CommandProcess(Token);

        var said = (await commands.RunAsync(Copy)).Succeeded().Json;

        Assert.Equal((count, count), (said.GetProperty("conversations").GetInt32(),
            said.GetProperty("copied").GetInt32()));
        output.WriteLine($"[note] copied and compared: {said}");
        IReadOnlyList<string> there;
        await using (var server = await ServerProcess.StartAsync(Cluster, Token))
        {
            there = await made.GoOnAsync(server, Token);
        }

        // The source is as it was: it goes on to the same.
        await using var source = await ServerProcess.StartAsync(ServerSettings.OnSqlite(Source), Token);
        Assert.Equal(await made.GoOnAsync(source, Token), there);
    }

    private async Task<KeptConversations> MakeAsync(int count)
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(Source), Token);
        var made = await KeptConversations.MakeAsync(server, count, Token);
        await server.KillAsync();
        return made;
    }

    private async Task UntilNobodyIsThereAsync()
    {
        while (await ExecuteAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND " +
            "pid <> pg_backend_pid()") > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    private async Task<long> ExecuteAsync(string sql) => (long)(await postgres.ExecuteAsync(_database, sql))!;
}
