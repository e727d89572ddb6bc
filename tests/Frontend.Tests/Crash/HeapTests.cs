using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>What a server's memory refers to, as a dump of its heap shows it.</summary>
[Collection(nameof(ProcessTests))]
public sealed class HeapTests : IDisposable
{
    private const string Marker = "unstored-marker-of-the-heap";
    private const int Steps = 4;

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-heap-");
    private readonly CancellationTokenSource _patience = new(2 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Theory]
    [InlineData("00:10:00", true)]
    [InlineData("00:00:01", false)]
    public async Task Heap_AfterTheGrace_HoldsNothingOfAnUnstoredLoop(string grace, bool isHeld)
    {
        var settings = ServerSettings.OnSqlite(_data.FullName) with
        {
            Environment = new Dictionary<string, string>
            {
                ["Evergrain__Recognition"] = "all",
                ["Evergrain__UnstoredGrace"] = grace,
            },
        };
        await using var server = await ServerProcess.StartAsync(settings, Token);
        using var http = server.CreateHttpClient();
        var conversations = new HashSet<string>();
        var messages = new List<object> { new { role = "user", content = Marker } };
        for (var step = 0; step < Steps; step++)
        {
            var (id, answer) = await AskAsync(http, messages);
            conversations.Add(id.Split('_')[0]);
            messages.Add(answer);
            messages.Add(new { role = "user", content = $"{Marker} {step}" });
        }

        if (isHeld)
        {
            Assert.Single(conversations);
            Assert.NotEmpty(await FindAsync(server));
        }

        while (!isHeld && await FindAsync(server) is [var path, ..])
        {
            Assert.False(Token.IsCancellationRequested, path);

            // Its time is not over, or that of an empty conversation.
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        }

        await server.TerminateAsync(Token);
        var (_, log) = await server.ExitAsync(Token);
        Assert.DoesNotContain(Marker, log, StringComparison.Ordinal);
    }

    private static async Task<(string Id, JsonElement Answer)> AskAsync(HttpClient http, List<object> messages)
    {
        using var said = await http.PostAsJsonAsync("/v1/chat/completions", new { model = "demo", messages });
        said.EnsureSuccessStatusCode();
        var completion = await said.Content.ReadFromJsonAsync<JsonElement>();
        return (completion.GetProperty("id").GetString()!,
            completion.GetProperty("choices")[0].GetProperty("message").Clone());
    }

    private static Task<IReadOnlyList<string>> FindAsync(ServerProcess server) =>
        Task.Run(() => HeapDump.Find(server.Id, Marker));
}
