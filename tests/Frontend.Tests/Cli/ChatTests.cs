using Evergrain.Frontend.Tests.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary><c>evergrain chat</c>.</summary>
[Collection(nameof(ProcessTests))]
public sealed class ChatTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-chat-");
    private readonly CancellationTokenSource _patience = new(2 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Lines_OfStdin_AreTurnsOfOneConversation()
    {
        await using var server = await StartAsync();
        var commands = new CommandProcess(Token);

        var talk = (await commands.RunWithInputAsync("Hello\n\nAnd again\n", "chat", "--url", Url(server))).Succeeded();

        Assert.Equal("Evergrain demo: 1 items held, 1 processed for this turn.\n" +
            "Evergrain demo: 3 items held, 1 processed for this turn.\n", talk.Output);
        var last = talk.Error.Trim().Split(' ')[^1];
        var more = (await commands.RunAsync("chat", "More", "--after", last, "--json", "--url", Url(server)))
            .Succeeded().JsonLines;
        Assert.Equal("response.created", more[0].GetProperty("type").GetString());
        Assert.Equal("response.completed", more[^1].GetProperty("type").GetString());
        Assert.Equal(last, more[^1].GetProperty("response").GetProperty("previous_response_id").GetString());
    }

    [Fact]
    public async Task Turns_ThatAreRefusedOrFail_GiveExitCodeOne()
    {
        await using var server = await StartAsync();
        var commands = new CommandProcess(Token);

        (await commands.RunAsync("chat", "Hello", "--model", "none", "--url", Url(server)))
            .AssertRefused("'none' does not exist here");
        var failed = await commands.RunAsync("chat", """@@script [{"fail":"server_error","after_events":3}]""",
            "--url", Url(server));

        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("The turn failed: ", failed.Error, StringComparison.Ordinal);
        (await commands.RunAsync("chat", "Hello", "--url", "http://127.0.0.1:1")).AssertRefused("No server answers");
    }

    private static string Url(ServerProcess server) => server.Address.ToString();

    private Task<ServerProcess> StartAsync() =>
        ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), Token);
}
