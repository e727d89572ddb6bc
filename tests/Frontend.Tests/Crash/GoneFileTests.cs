using System.Net;
using System.Net.Http.Json;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>What balancers and clients see of a server whose files somebody removes.</summary>
[Collection(nameof(ProcessTests))]
public sealed class GoneFileTests : IDisposable
{
    private static readonly Uri Responses = new("v1/responses", UriKind.Relative);
    private static readonly Uri Ready = new("health/ready", UriKind.Relative);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-gone-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(3));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Database_RemovedWhileIdle_ServerIsNotReady_AndRefusesTurns()
    {
        var settings = ServerSettings.OnSqlite(_data.FullName);
        await using var server = await ServerProcess.StartAsync(settings, Token);
        using var http = server.CreateHttpClient();
        using (var stored = await http.PostAsJsonAsync(Responses, new { model = "demo", input = "hello" }, Token))
        {
            Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        }

        File.Delete(Path.Combine(_data.FullName, "evergrain.db"));

        Assert.Contains("A file of the journal was removed", await UntilNotReadyAsync(http), StringComparison.Ordinal);
        using var refused = await http.PostAsJsonAsync(Responses, new { model = "demo", input = "hello" }, Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var (exitCode, error) = await ServerProcess.RefuseAsync(settings);
        Assert.Equal(1, exitCode);
        Assert.Contains("in use by another process", error, StringComparison.Ordinal);
    }

    private async Task<string> UntilNotReadyAsync(HttpClient http)
    {
        while (true)
        {
            using var answer = await http.GetAsync(Ready, Token);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return await answer.Content.ReadAsStringAsync(Token);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        }
    }
}
