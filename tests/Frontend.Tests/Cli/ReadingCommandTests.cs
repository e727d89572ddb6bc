using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>Commands that read conversations: from a server, and from the file of one that was killed.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ReadingCommandTests : IDisposable
{
    private const string Unknown = "conv_0000000000000000000000";
    private const string Secret = "an unstored secret";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-commands-");
    private readonly CancellationTokenSource _patience = new(4 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    private string DataPath => Path.Combine(_folder.FullName, "data");

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Server_AndTheFileThatItLeft_GiveTheSame()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var sample = await SampleConversation.MakeAsync(server, Token);
        var commands = new CommandProcess(Token);
        string[] url = ["--url", server.Address.ToString()], data = ["--data", DataPath];

        var (asked, exported) = await ReadAsync(commands, sample, url);
        (await commands.RunAsync(["inspect", sample.Id, .. data])).AssertRefused("A running server holds");
        var served = (await commands.RunAsync(["list", "--json", .. url])).Succeeded().Json;
        var held = Assert.Single(served.GetProperty("data").EnumerateArray());
        Assert.Equal((sample.Id, 4), (held.GetProperty("id").GetString(),
            held.GetProperty("memory").GetProperty("turns").GetInt32()));
        await server.KillAsync();
        var before = HashOf(DataPath);
        var (read, copied) = await ReadAsync(commands, sample, data);

        Assert.Equal(ShapesOf(asked), ShapesOf(read));
        Assert.Equal(exported, copied);
        Assert.Equal(before, HashOf(DataPath));

        var list = (await commands.RunAsync(["list", "--json", .. data])).Succeeded().Json;
        var listed = Assert.Single(list.GetProperty("data").EnumerateArray());
        Assert.Equal((sample.Id, 4, "completed"), (listed.GetProperty("id").GetString(),
            listed.GetProperty("turns").GetInt32(), listed.GetProperty("status").GetString()));
        var table = (await commands.RunAsync("--data", DataPath, "list")).Succeeded().Output;
        Assert.Contains(sample.Id, table, StringComparison.Ordinal);

        var tailed = (await commands.RunAsync(["tail", sample.Id, "--json", .. data])).Succeeded().JsonLines;
        Assert.Equal(sample.Turns, tailed.Select(static turn => turn.GetProperty("id").GetString()));

        // The file serves on.
        await using var again = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        (await commands.RunAsync("verify", sample.Id, "--url", again.Address.ToString())).Succeeded();
    }

    [Fact]
    public async Task Export_OfAConversationWithAnUnstoredTurn_LeavesItOut()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var sample = await SampleConversation.MakeAsync(server, Token);
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(new
        {
            type = "response.create",
            model = "demo",
            store = false,
            input = Secret,
            previous_response_id = sample.Turns[3],
        }), Token);
        while ((await socket.ReceiveAsync(Token)).GetProperty("type").GetString() != "response.completed")
        {
            // The events before the last one.
        }

        var commands = new CommandProcess(Token);
        var file = Path.Combine(_folder.FullName, "export.json");
        string[] url = ["--url", server.Address.ToString()];
        var inspected = (await commands.RunAsync(["inspect", sample.Id, .. url])).Succeeded().Output;
        var said = (await commands.RunAsync(["export", sample.Id, "--output", file, "--json", .. url])).Succeeded();

        Assert.Contains("unstored", inspected, StringComparison.Ordinal);
        Assert.Equal((4, 1), (said.Json.GetProperty("turns").GetInt32(), said.Json.GetProperty("left_out").GetInt32()));
        Assert.DoesNotContain(Secret, await File.ReadAllTextAsync(file, Token), StringComparison.Ordinal);
        (await commands.RunAsync(["export", sample.Id, "--output", file, .. url])).AssertRefused("is there already");
    }

    [Fact]
    public async Task Tail_OfARunningServer_PrintsEachTurnThatEnds()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var sample = await SampleConversation.MakeAsync(server, Token);
        var commands = new CommandProcess(Token);
        using var tail = commands.Start("tail", sample.Id, "--url", server.Address.ToString());
        try
        {
            foreach (var turn in sample.Turns)
            {
                Assert.Contains($"{turn} completed", await tail.StandardOutput.ReadLineAsync(Token),
                    StringComparison.Ordinal);
            }

            var said = (await commands.RunAsync("chat", "More", "--after", sample.Turns[2], "--json", "--url",
                server.Address.ToString())).Succeeded().JsonLines;
            var added = said[^1].GetProperty("response").GetProperty("id").GetString();
            var line = await tail.StandardOutput.ReadLineAsync(Token);
            while (line?.Contains($"{added} completed", StringComparison.Ordinal) == false)
            {
                // It may be seen as it begins.
                line = await tail.StandardOutput.ReadLineAsync(Token);
            }

            Assert.NotNull(line);
        }
        finally
        {
            tail.Kill();
        }
    }

    [Fact]
    public async Task Refusals_AreOneSentence()
    {
        var settings = ServerSettings.OnSqlite(DataPath) with
        {
            Environment = new Dictionary<string, string>
            {
                ["Evergrain__ApiKeys__0"] = "right", ["Evergrain__OperatorKeys__0"] = "operator",
            },
        };
        await using var server = await ServerProcess.StartAsync(settings, Token);
        string[] url = ["--url", server.Address.ToString()];

        (await new CommandProcess(Token).RunAsync(["verify", Unknown, .. url])).AssertRefused("EVERGRAIN_KEY");
        (await new CommandProcess(Token) { Key = "wrong" }.RunAsync(["verify", Unknown, .. url])).AssertRefused("401");
        foreach (var key in (string[])["schl\u00fcssel", "right\r", "two words"])
        {
            (await new CommandProcess(Token) { Key = key }.RunAsync(["verify", Unknown, .. url]))
                .AssertRefused("EVERGRAIN_KEY holds a character that no key has");
        }

        var commands = new CommandProcess(Token) { Key = "right" };
        foreach (var command in (string[])["inspect", "tail", "verify", "export"])
        {
            (await commands.RunAsync([command, Unknown, .. url])).AssertRefused("404");
        }

        var operators = new CommandProcess(Token) { Key = "operator" };
        (await operators.RunAsync(["inspect", Unknown, .. url])).AssertRefused("An operator names the tenant");
        (await operators.RunAsync(["inspect", Unknown, "--tenant", "default", .. url])).AssertRefused("404");
        (await operators.RunAsync("chat", "Hello", "--model", "demo", "--url", url[1])).AssertRefused("403");

        (await commands.RunAsync(["inspect", "conv_1", .. url])).AssertRefused("'conv_1' is no id");
        (await commands.RunAsync("inspect", Unknown, "--url", "http://127.0.0.1:1")).AssertRefused("No server answers");
        (await commands.RunAsync("inspect", Unknown, "--url", "nowhere")).AssertRefused("--url: 'nowhere'");
        (await commands.RunAsync(["inspect", Unknown, "--data", DataPath, .. url])).AssertRefused("not both");
        var none = Path.Combine(DataPath, "none");
        (await commands.RunAsync("list", "--data", none)).AssertRefused("There is no journal");
        Assert.False(Directory.Exists(none));
    }

    [Fact]
    public async Task Code_WithLineBreaks_StaysInItsRow()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var commands = new CommandProcess(Token);
        string[] url = ["--url", server.Address.ToString()];
        var failed = await commands.RunAsync(["chat", """@@script [{"fail":"two\nlines\tand \u001b[31m"}]""", .. url]);
        var id = failed.Error.Split("--after ")[1].Trim();

        var table = (await commands.RunAsync(["inspect", id, .. url])).Succeeded().Output;

        var row = Assert.Single(table.Split('\n'), line => line.Contains(id, StringComparison.Ordinal));
        Assert.Contains("(two lines and \uFFFD[31m)", row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_WithoutTheConversation_IsOneSentence()
    {
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token))
        {
            await SampleConversation.MakeAsync(server, Token);
            await server.TerminateAsync(Token);
            Assert.Equal((0, ""), await server.ExitAsync(Token));
        }

        var commands = new CommandProcess(Token);
        foreach (var command in (string[])["inspect", "tail", "verify", "export"])
        {
            (await commands.RunAsync(command, Unknown, "--data", DataPath))
                .AssertRefused($"The file holds no conversation {Unknown}.");
        }
    }

    /// <summary>Runs each command that reads a conversation, with and without JSON.</summary>
    private static async Task<(JsonElement Inspected, string Exported)> ReadAsync(
        CommandProcess commands, SampleConversation sample, string[] place)
    {
        var table = (await commands.RunAsync(["inspect", sample.Turns[1], .. place])).Succeeded().Output;
        Assert.All(sample.Turns, turn => Assert.Contains(turn, table, StringComparison.Ordinal));
        var verified = (await commands.RunAsync(["verify", sample.Id, .. place])).Succeeded().Output;
        Assert.Equal($"{sample.Id}: 4 turns compared, all digests are equal.\n", verified);
        var verification = (await commands.RunAsync(["verify", sample.Id, "--json", .. place])).Succeeded().Json;
        Assert.True(verification.GetProperty("is_equal").GetBoolean());
        var export = (await commands.RunAsync(["export", sample.Id, .. place])).Succeeded();
        Assert.Equal(4, export.Json.GetProperty("turns").GetArrayLength());
        Assert.Equal($"{sample.Id}: 4 turns are written to stdout.\n", export.Error);
        return ((await commands.RunAsync(["inspect", sample.Id, "--json", .. place])).Succeeded().Json, export.Output);
    }

    /// <summary>What the turns of a conversation are. A file knows neither times nor connections.</summary>
    private static string ShapesOf(JsonElement conversation) => string.Join('\n', conversation.GetProperty("turns")
        .EnumerateArray().Select(static turn => new StringBuilder()
            .AppendJoin(' ', turn.EnumerateObject()
                .Where(static member => member.Name is not ("timing" or "connection"))
                .Select(static member => member.Value.GetRawText())).ToString()));

    private static string HashOf(string directory) =>
        Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(directory, "evergrain.db"))));
}
