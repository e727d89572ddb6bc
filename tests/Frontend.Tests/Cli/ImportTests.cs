using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary><c>evergrain import FILE</c>.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ImportTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-import-");
    private readonly CancellationTokenSource _patience = new(4 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Import_OfAnExport_MakesTheSameContextsUnderNewIds()
    {
        await using var server = await StartAsync("from");
        var sample = await SampleConversation.MakeAsync(server, Token);
        var commands = new CommandProcess(Token);
        var file = PathOf("export.json");
        (await commands.RunAsync("export", sample.Id, "--output", file, "--url", Url(server))).Succeeded();
        await using var other = await StartAsync("to");

        var said = (await commands.RunAsync("import", file, "--json", "--url", Url(other))).Succeeded().Json;

        var map = said.GetProperty("responses").EnumerateArray().ToList();
        Assert.Equal(sample.Turns, map.Select(static turn => turn.GetProperty("from").GetString()));

        // The second turn ends in a call: it stands in the third.
        Assert.Equal((bool?[])[true, null, true, true], map.Select(IsEqual));
        var made = Assert.Single(said.GetProperty("conversations").EnumerateArray()).GetString()!;
        Assert.NotEqual(sample.Id, made);
        Assert.Equal(0, said.GetProperty("items_left_out").GetInt32());
        (await commands.RunAsync("verify", made, "--url", Url(other))).Succeeded();
        var again = (await commands.RunAsync("export", made, "--url", Url(other))).Succeeded();
        Assert.DoesNotContain(sample.Id[5..], again.Output, StringComparison.Ordinal);
        Assert.Equal((string?[])["0", "1", "2", "3"], again.Json.GetProperty("turns").EnumerateArray().Select(
            static turn => turn.GetProperty("response").GetProperty("metadata").GetProperty("turn").GetString()));

        // And it goes on.
        var last = map[3].GetProperty("to").GetString()!;
        var answer = (await commands.RunAsync("chat", "More", "--after", last, "--url", Url(other))).Succeeded();
        Assert.Contains("Evergrain demo: 5 items held", answer.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_WithATurnThatIsRefused_LeavesNothing()
    {
        await using var server = await StartAsync("both");
        var sample = await SampleConversation.MakeAsync(server, Token);
        var commands = new CommandProcess(Token);
        var export = JsonNode.Parse(
            (await commands.RunAsync("export", sample.Id, "--url", Url(server))).Succeeded().Output)!;
        export["turns"]![3]!["input"]![0] = new JsonObject { ["type"] = "message", ["role"] = "nobody" };
        var file = PathOf("wrong.json");
        await File.WriteAllTextAsync(file, export.ToJsonString(), Token);

        (await commands.RunAsync("import", file, "--url", Url(server))).AssertRefused($"turns[3] ({sample.Turns[3]})");
        await server.KillAsync();

        var left = (await commands.RunAsync("list", "--json", "--data", PathOf("both"))).Succeeded().Json;
        Assert.Equal(sample.Id, Assert.Single(left.GetProperty("data").EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task Files_ThatAreNoExport_AreRefusedInOneSentence()
    {
        var commands = new CommandProcess(Token);
        string[] url = ["--url", "http://127.0.0.1:1"];
        var (large, list, broken) = (PathOf("large"), PathOf("list"), PathOf("broken"));
        await using (var file = new FileStream(large, FileMode.CreateNew))
        {
            // A hole: it takes no room.
            file.SetLength((256L << 20) + 1);
        }

        await File.WriteAllTextAsync(list, "[]", Token);
        await File.WriteAllTextAsync(broken, """{"object":""", Token);

        (await commands.RunAsync(["import", large, .. url])).AssertRefused("at most 268435456 are imported");
        (await commands.RunAsync(["import", list, .. url])).AssertRefused("is no export of version 1");
        (await commands.RunAsync(["import", broken, .. url])).AssertRefused("is not valid JSON");
        (await commands.RunAsync(["import", PathOf("none"), .. url])).AssertRefused("none");
    }

    private static string Url(ServerProcess server) => server.Address.ToString();

    private static bool? IsEqual(JsonElement turn) =>
        turn.GetProperty("is_equal") is { ValueKind: not JsonValueKind.Null } said ? said.GetBoolean() : null;

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private Task<ServerProcess> StartAsync(string data) =>
        ServerProcess.StartAsync(ServerSettings.OnSqlite(PathOf(data)), Token);
}
