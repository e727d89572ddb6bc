using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>What <c>evergrain tail</c> asks a server, and what <c>evergrain list</c> can search by.</summary>
[Collection(nameof(ProcessTests))]
public sealed class FollowingCommandTests : IDisposable
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Session = "a session";

    // As many live streams as one caller may have open.
    private const int StreamsMax = 16;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-follow-");
    private readonly CancellationTokenSource _patience = new(4 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    private string DataPath => Path.Combine(_folder.FullName, "data");

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Tail_WhereNoMoreLiveStreamsAreServed_IsRefused()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var sample = await SampleConversation.MakeAsync(server, Token);
        using var http = server.CreateHttpClient();
        var streams = new List<HttpResponseMessage>();
        for (var count = 0; count < StreamsMax; count++)
        {
            streams.Add(await http.GetAsync(new Uri($"evergrain/conversations/{sample.Id}/live", UriKind.Relative),
                HttpCompletionOption.ResponseHeadersRead, Token));
        }

        Assert.All(streams, static stream => Assert.True(stream.IsSuccessStatusCode));
        (await new CommandProcess(Token).RunAsync("tail", sample.Id, "--url", server.Address.ToString()))
            .AssertRefused($"At most {StreamsMax} live streams");
        streams.ForEach(static stream => stream.Dispose());
    }

    [Fact]
    public async Task List_SearchesByWhatNamesARequest()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(DataPath), Token);
        var other = await SampleConversation.MakeAsync(server, Token);
        var (id, request) = await AskAsync(server);
        var commands = new CommandProcess(Token);
        string[] url = ["--url", server.Address.ToString(), "--json"];

        foreach (var (option, text) in new[]
        {
            ("--id", id), ("--request-id", request), ("--trace-id", Trace), ("--session-id", Session),
        })
        {
            Assert.Equal([id], Ids(await commands.RunAsync(["list", option, text, .. url])));
        }

        Assert.Equal([other.Id], Ids(await commands.RunAsync(["list", "--id", other.Turns[1], .. url])));
        Assert.Empty(Ids(await commands.RunAsync(["list", "--session-id", "nobody's", .. url])));
        (await commands.RunAsync(["list", "--id", id, "--trace-id", Trace, .. url]))
            .AssertRefused("Search by one of --id, --trace-id");

        await server.KillAsync();
        string[] data = ["--data", DataPath, "--json"];
        Assert.Equal([id], Ids(await commands.RunAsync(["list", "--id", id, .. data])));
        Assert.Empty(Ids(await commands.RunAsync(["list", "--id", "conv_0000000000000000000000", .. data])));
        (await commands.RunAsync(["list", "--session-id", Session, .. data])).AssertRefused("A file does not say");
    }

    private static List<string?> Ids(CommandResult listed) => [.. listed.Succeeded().Json.GetProperty("data")
        .EnumerateArray().Select(static one => one.GetProperty("id").GetString())];

    /// <summary>A turn whose client names its trace and its session; gives the conversation and the request.</summary>
    private async Task<(string Conversation, string Request)> AskAsync(ServerProcess server)
    {
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("v1/responses", UriKind.Relative))
        {
            Content = JsonContent.Create(new { model = "demo", input = "Hello" }),
        };
        request.Headers.Add("traceparent", $"00-{Trace}-00f067aa0ba902b7-01");
        request.Headers.Add("session-id", Session);
        using var answer = await http.SendAsync(request, Token);
        var response = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(Token));
        return ($"conv_{response.GetProperty("id").GetString()!.Split('_')[1]}",
            answer.Headers.GetValues("x-request-id").Single());
    }
}
