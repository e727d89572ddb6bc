using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Suites.Hosting;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary><c>evergrain doctor</c>.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DoctorTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-doctor-");
    private readonly CancellationTokenSource _patience = new(3 * TestServer.Patience);
    private readonly CommandProcess _commands;

    public DoctorTests() => _commands = new CommandProcess(_patience.Token);

    private string DataPath => Path.Combine(_folder.FullName, "data");

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Nothing_ThatIsWrong_IsExitCodeZero()
    {
        var said = (await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath, "--json")).Succeeded().Json;
        var table = (await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath)).Succeeded().Output;

        Assert.True(said.GetProperty("is_healthy").GetBoolean());
        Assert.Equal((string?[])["settings", "port", "journal", "model", "clock"], said.GetProperty("checks")
            .EnumerateArray().Select(static check => check.GetProperty("part").GetString()));
        Assert.Contains("The demo model is built in: demo.", table, StringComparison.Ordinal);
        Assert.DoesNotContain("to do", table, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFileSystemInfos());
    }

    [Fact]
    public async Task Server_ThatRuns_IsFineWhereItIsTheOneThatIsMeant()
    {
        await using var server = await ServerProcess.StartAsync(
            ServerSettings.OnSqlite(DataPath), _patience.Token);
        var port = server.Address.Port.ToString(CultureInfo.InvariantCulture);

        var own = (await _commands.RunAsync("doctor", "--port", port, "--data", DataPath, "--json")).Succeeded().Json;
        var other = await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath, "--json");

        Assert.Contains("The running server holds", Said(own, "journal"), StringComparison.Ordinal);
        Assert.Contains("is ready", Said(own, "port"), StringComparison.Ordinal);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("Another process holds", Said(other.Json, "journal"), StringComparison.Ordinal);

        // A server of ours is a model server too.
        var before = (await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath + "2", "--model-url",
            $"{server.Address}v1", "--model-api", "responses", "--json")).Succeeded().Json;
        Assert.Contains("answers, and lists 1 models", Said(before, "model"), StringComparison.Ordinal);
        Assert.Contains("clock agrees with http://", Said(before, "clock"), StringComparison.Ordinal);
        await server.KillAsync();
        var left = (await _commands.RunAsync("doctor", "--port", port, "--data", DataPath, "--json")).Succeeded().Json;
        Assert.Contains("can be read", Said(left, "journal"), StringComparison.Ordinal);
        Assert.Contains("is free", Said(left, "port"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mistakes_SayWhatToDo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        var settings = await _commands.RunAsync("doctor", "--port", "70000", "--address", "0.0.0.0", "--json");
        var rest = await _commands.RunAsync("doctor", "--port", port, "--data", "/dev/null/x", "--model-url",
            "http://127.0.0.1:1/v1", "--model-api", "chat", "--json");

        Assert.Equal((1, 1), (settings.ExitCode, rest.ExitCode));
        Assert.Equal(2, settings.Json.GetProperty("checks").GetArrayLength());
        Assert.Contains("choose another --port", Said(rest.Json, "port"), StringComparison.Ordinal);
        Assert.Contains("name one with --data", Said(rest.Json, "journal"), StringComparison.Ordinal);
        Assert.Contains("lists no models (connection refused)", Said(rest.Json, "model"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Journal_ThatWasWrittenInTheFuture_SaysThatTheClockIsBehind()
    {
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), _patience.Token))
        {
            await server.KillAsync();
        }

        var file = Path.Combine(DataPath, "evergrain.db");
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file) + TimeSpan.FromHours(1));

        var said = await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath, "--json");

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("s behind that of the last write", Said(said.Json, "clock"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Recognition", "\"some\"")]
    [InlineData("UnstoredGrace", "\"1.00:00:01\"")]
    [InlineData("Tenants", "{\"*\":{\"UnstoredGrace\":\"-00:00:01\"}}")]
    [InlineData("RecognitionEntriesMax", "0")]
    [InlineData("Tenants", "{\"*\":{\"ResponseLifetime\":\"-1.00:00:00\"}}")]
    [InlineData("Tenants", "{\"*\":{\"ResponseLifetime\":\"a month\"}}")]
    [InlineData("Tenants", "{\"*\":{\"ResponseLifetime\":\"00:00:59\"}}")]
    [InlineData("Tenants:*:ResponseLifetime", "\"24:00:00\"")]
    public async Task Setting_OfAPartThatIsOffByDefault_IsReadToo(string name, string value)
    {
        var file = Path.Combine(_folder.FullName, "settings.json");
        await File.WriteAllTextAsync(file, $"{{\"Evergrain\":{{\"{name}\":{value}}}}}", _patience.Token);

        var said = await _commands.RunAsync("doctor", "--port", "0", "--data", DataPath, "--config", file, "--json");

        Assert.Equal(1, said.ExitCode);
        Assert.Contains(name, Said(said.Json, "settings"), StringComparison.Ordinal);
    }

    // It says what the start says, and changes nothing.
    [Fact]
    public async Task Lifetimes_SayWhatWillBeRemoved_BeforeTheFirstStartWithThem_AndAfter()
    {
        var file = Path.Combine(_folder.FullName, "settings.json");
        await File.WriteAllTextAsync(
            file, "{\"Evergrain\":{\"Tenants\":{\"*\":{\"ResponseLifetime\":\"30.00:00:00\"}}}}", _patience.Token);
        string[] doctor = ["doctor", "--port", "0", "--data", DataPath, "--config", file, "--json"];
        Assert.Contains("no conversation yet", Said((await _commands.RunAsync(doctor)).Succeeded().Json, "lifetimes"),
            StringComparison.Ordinal);
        await using (var before = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), _patience.Token))
        {
            await TellAsync(before);
            await TellAsync(before);
            await before.KillAsync();
        }

        for (var i = 0; i < 2; i++)
        {
            Assert.Contains("counted from the next start: if that is now, 2 conversations will be removed at 20",
                Said((await _commands.RunAsync(doctor)).Succeeded().Json, "lifetimes"), StringComparison.Ordinal);
        }

        var settings = ServerSettings.OnSqlite(DataPath);
        await using (var server = await ServerProcess.StartAsync(
            settings with { Options = [.. settings.Options, "--config", file] }, _patience.Token))
        {
            var said = (await _commands.RunAsync(doctor)).Json;
            Assert.Contains("2 conversations will be removed at 20", Said(said, "lifetimes"), StringComparison.Ordinal);
            Assert.DoesNotContain("next start", Said(said, "lifetimes"), StringComparison.Ordinal);
            await TellAsync(server);

            // It counts them beside its work.
            await server.UntilSaysAsync("2 conversations will be removed at 20", _patience.Token);
            await server.TerminateAsync(_patience.Token);
            Assert.Equal(0, (await server.ExitAsync(_patience.Token)).ExitCode);
        }

        // What began after the start is removed later.
        Assert.Contains(": 2 conversations will be removed at 20",
            Said((await _commands.RunAsync(doctor)).Succeeded().Json, "lifetimes"), StringComparison.Ordinal);
    }

    private Task TellAsync(ServerProcess server) => TellAsync(server, _patience.Token);

    internal static async Task TellAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        using var answer = await http.PostAsync("/v1/responses", new StringContent(
            """{"model":"demo","input":"hello"}""", Encoding.UTF8, "application/json"), cancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    internal static string? Said(JsonElement doctor, string part) => doctor.GetProperty("checks").EnumerateArray()
        .Single(check => check.GetProperty("part").GetString() == part).GetProperty("said").GetString();
}

/// <summary>The same, where the journal is in PostgreSQL.</summary>
[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresDoctorTests(PostgresServer postgres)
{
    [Fact]
    public async Task Postgres_ThatAnswersOrNot_IsTold()
    {
        using var patience = new CancellationTokenSource(2 * TestServer.Patience);
        var commands = new CommandProcess(patience.Token);
        var url = postgres.Url(await postgres.CreateDatabaseAsync());

        var fine = await commands.RunAsync("doctor", "--port", "0", "--json", "--journal-url", url);
        var wrong = await commands.RunAsync(
            "doctor", "--port", "0", "--json", "--journal-url", "postgres://nobody@127.0.0.1:1/none");

        Assert.EndsWith("answers.", DoctorTests.Said(fine.Succeeded().Json, "journal"), StringComparison.Ordinal);
        Assert.Contains("agrees with PostgreSQL", DoctorTests.Said(fine.Json, "clock"), StringComparison.Ordinal);
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("127.0.0.1:1", DoctorTests.Said(wrong.Json, "journal"), StringComparison.Ordinal);
    }
}

/// <summary>The same, where the journal is in Azure Storage.</summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcessTests))]
public sealed class AzureDoctorTests(AzuriteServer azurite)
{
    [Fact]
    public async Task Azure_ThatAnswersOrNot_IsTold()
    {
        using var patience = new CancellationTokenSource(2 * TestServer.Patience);
        var commands = new CommandProcess(patience.Token);
        string[] doctor = ["doctor", "--port", "0", "--json", "--journal", "azure", "--journal-url"];

        var fine = await commands.RunAsync([.. doctor, azurite.ConnectionString]);
        var wrong = await commands.RunAsync([.. doctor, AzuriteServer.ConnectionStringOver(1, 1)]);
        var mistaken = await commands.RunAsync([.. doctor, "nonsense"]);

        Assert.Contains("the container evergrain at http://127.0.0.1",
            DoctorTests.Said(fine.Succeeded().Json, "journal"), StringComparison.Ordinal);
        Assert.Contains("agrees with Azure Storage", DoctorTests.Said(fine.Json, "clock"), StringComparison.Ordinal);
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("127.0.0.1:1", DoctorTests.Said(wrong.Json, "journal"), StringComparison.Ordinal);
        Assert.Contains("neither a connection string nor a URL", DoctorTests.Said(mistaken.Json, "settings"),
            StringComparison.Ordinal);
    }

    // As over SQLite; and a backup is refused by name.
    [Fact]
    public async Task Lifetimes_SayWhatWillBeRemoved_BeforeTheFirstStartWithThem_AndAfter()
    {
        var folder = Directory.CreateTempSubdirectory("evergrain-doctor-");
        using var patience = new CancellationTokenSource(3 * TestServer.Patience);
        var (token, commands, container) = (patience.Token, new CommandProcess(patience.Token), azurite.NewContainer());
        try
        {
            var file = Path.Combine(folder.FullName, "settings.json");
            await File.WriteAllTextAsync(file, $$$$"""
                {"Evergrain":{"Tenants":{"*":{"ResponseLifetime":"30.00:00:00"}},"Journal":"azure",
                  "JournalUrl":"{{{{azurite.ConnectionString}}}}","Azure":{"Container":"{{{{container}}}}"}}}
                """, token);
            string[] doctor = ["doctor", "--port", "0", "--config", file, "--json"];
            Assert.Contains("no conversation yet", await SaidAsync(), StringComparison.Ordinal);
            var plain = ServerSettings.OnAzure(azurite.ConnectionString, container);
            await StopAsync(await ServerProcess.StartAsync(plain, token), turns: 2);
            Assert.Contains("counted from the next start: if that is now, 2 conversations will be removed at 20",
                await SaidAsync(), StringComparison.Ordinal);
            await StopAsync(await ServerProcess.StartAsync(
                plain with { Options = [.. plain.Options, "--config", file] }, token), turns: 1,
                says: "2 conversations will be removed at 20");
            Assert.Contains(": 2 conversations will be removed at 20", await SaidAsync(), StringComparison.Ordinal);
            (await commands.RunAsync("backup", Path.Combine(folder.FullName, "copy.db"), "--config", file))
                .AssertRefused("The journal is in Azure Storage: stop the server, and run evergrain copy");

            async Task<string> SaidAsync() =>
                DoctorTests.Said((await commands.RunAsync(doctor)).Succeeded().Json, "lifetimes")!;
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        async Task StopAsync(ServerProcess started, int turns, string says = "")
        {
            await using var server = started;
            for (var i = 0; i < turns; i++)
            {
                await DoctorTests.TellAsync(server, token);
            }

            await server.UntilSaysAsync(says, token);
            await server.TerminateAsync(token);
            Assert.Equal(0, (await server.ExitAsync(token)).ExitCode);
        }
    }
}
