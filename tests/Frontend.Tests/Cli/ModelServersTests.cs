using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Upstream;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>The server as a process in front of scripted model servers.</summary>
public sealed class ModelServersTests : IAsyncLifetime
{
    private const string Key = "sk-from-environment";
    private static readonly UpstreamScript Listing = UpstreamScript.Answer(200, """{"data":[{"id":"org/listed"}]}""");

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-servers-");
    private readonly CancellationTokenSource _patience = new(2 * TestServer.Patience);
    private ScriptedUpstream _upstream = null!;

    public async Task InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync();
        _upstream.Listings.Enqueue(Listing);
    }

    public async Task DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task CommandLine_WithAModelUrl_SendsEveryModelThere()
    {
        _upstream.Play(Chat("from the server"));
        using var process = Start("--model-url", _upstream.Url, "--model-api", "chat");
        var address = await AddressAsync(process);

        var answer = await AskAsync(address, "any/name");

        Assert.Contains("from the server", answer, StringComparison.Ordinal);
        var call = await _upstream.ReceivedAsync();
        Assert.Equal("any/name", (string?)call.Json["model"]);
        Assert.Equal($"Bearer {Key}", call.Headers["Authorization"]);
        Assert.Equal("", await StopAsync(process));
    }

    [Fact]
    public async Task CommandLine_WithAReplicaAndSettings_UsesThem()
    {
        string gone;
        await using (var other = await ScriptedUpstream.StartAsync())
        {
            gone = other.Url;
        }

        _upstream.Play(Chat("from the replica"));
        using var process = Start("--model-url", gone, "--model-url", _upstream.Url, "--model-api", "chat",
            "--model-name", "own", "--model-models", "big/*", "--model-connect-timeout", "00:00:02");
        var address = await AddressAsync(process);

        Assert.Contains("from the replica", await AskAsync(address, "big/one"), StringComparison.Ordinal);
        Assert.DoesNotContain("from the", await AskAsync(address, "small"), StringComparison.Ordinal);
        await StopAsync(process);
        Assert.Single(_upstream.Calls);
    }

    [Fact]
    public async Task CommandLine_WithADemoModelToo_KeepsItsName()
    {
        using var process = Start("--model-url", _upstream.Url, "--model-api", "chat", "--model", "demo");
        var address = await AddressAsync(process);

        Assert.Contains("Evergrain demo", await AskAsync(address, "demo"), StringComparison.Ordinal);
        Assert.Empty(_upstream.Calls);
        await StopAsync(process);
    }

    [Fact]
    public async Task SettingsFile_WithServers_IsServedAndListed()
    {
        _upstream.Play(Chat("from the file"));
        var file = Path.Combine(_data.FullName, "servers.json");
        await File.WriteAllTextAsync(file, $$$"""
            {"Evergrain":{"ModelServers":[
              {"Name":"big","Models":["org/*","exact"],"Urls":["{{{_upstream.Url}}}"],"Api":"chat",
               "KeyEnvironment":"TEST_MODEL_KEY"}]}}
            """);
        using var process = Start("--config", file);
        var address = await AddressAsync(process);
        using var http = new HttpClient { BaseAddress = address, Timeout = TestServer.Patience };

        Assert.Contains("from the file", await AskAsync(address, "exact"), StringComparison.Ordinal);
        Assert.Contains("model_not_found", await AskAsync(address, "demo"), StringComparison.Ordinal);
        await http.GetStringAsyncOf("/v1/models/org/listed", HttpStatusCode.OK);
        await http.GetStringAsyncOf("/v1/models/org%2Flisted", HttpStatusCode.OK);
        await http.GetStringAsyncOf("/v1/models/other", HttpStatusCode.NotFound);
        var models = await ListedAsync(http);
        Assert.Contains("\"exact\"", models, StringComparison.Ordinal);
        Assert.Equal($"Bearer {Key}", (await _upstream.ReceivedAsync()).Headers["Authorization"]);
        await StopAsync(process);
    }

    [Theory]
    [InlineData("{\"Evergrain\":", "servers.json")]
    [InlineData("{\"Evergrain\":{\"ModelKey\":\"sk-hidden\"}}", "Evergrain__ModelKey")]
    [InlineData("{\"Evergrain\":{\"ModelServers\":[{\"Name\":\"a\",\"Key\":\"sk-hidden\"}]}}", "KeyEnvironment")]
    public async Task SettingsFile_WithAMistake_IsOneLineAndExitCodeOne(string text, string expected)
    {
        var file = Path.Combine(_data.FullName, "servers.json");
        await File.WriteAllTextAsync(file, text);
        using var process = Start("--config", file);

        var error = (await process.StandardError.ReadToEndAsync(_patience.Token)).TrimEnd();
        await process.WaitForExitAsync(_patience.Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
        Assert.DoesNotContain("sk-hidden", error, StringComparison.Ordinal);
    }

    private static UpstreamScript Chat(string text) => UpstreamScript.Stream(
        $$"""{"choices":[{"index":0,"delta":{"role":"assistant","content":"{{text}}"},"finish_reason":null}]}""",
        """{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""", "[DONE]");

    /// <summary>The list, once the server has asked its own servers.</summary>
    private async Task<string> ListedAsync(HttpClient http)
    {
        while (true)
        {
            var models = await http.GetStringAsync("/v1/models", _patience.Token);
            if (models.Contains("org/listed", StringComparison.Ordinal))
            {
                return models;
            }
        }
    }

    /// <summary>Runs one unstored turn over WebSocket; gives all its frames.</summary>
    private async Task<string> AskAsync(Uri address, string model)
    {
        using var socket = new ClientWebSocket();
        var url = new UriBuilder(address) { Scheme = "ws", Path = "/v1/responses" }.Uri;
        await socket.ConnectAsync(url, _patience.Token);
        var create = $$"""{"type":"response.create","model":"{{model}}","store":false,"input":"Hello"}""";
        await socket.SendAsync(
            Encoding.UTF8.GetBytes(create), WebSocketMessageType.Text, endOfMessage: true, _patience.Token);
        var (frames, buffer) = (new StringBuilder(), new byte[64 << 10]);
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, _patience.Token);
            var text = Encoding.UTF8.GetString(buffer, 0, received.Count);
            frames.Append(text);
            if (text.Contains("\"response.completed\"", StringComparison.Ordinal) ||
                text.Contains("\"response.failed\"", StringComparison.Ordinal) ||
                text.Contains("\"type\":\"error\"", StringComparison.Ordinal))
            {
                return frames.ToString();
            }
        }
    }

    private async Task<Uri> AddressAsync(Process process)
    {
        var greeting = await process.StandardOutput.ReadLineAsync(_patience.Token);
        return new Uri(greeting!.Split(' ').First(static word => word.StartsWith("http://", StringComparison.Ordinal)));
    }

    /// <summary>Stops the process; gives what it logged.</summary>
    private async Task<string> StopAsync(Process process)
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await process.WaitForExitAsync(_patience.Token);
        Assert.Equal(0, process.ExitCode);
        return await process.StandardError.ReadToEndAsync(_patience.Token);
    }

    private Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _data.FullName,
        };
        var isSingle = arguments.Contains("--model-url");
        start.Environment[isSingle ? "Evergrain__ModelKey" : "TEST_MODEL_KEY"] = Key;
        start.ArgumentList.Add(typeof(Evergrain.Silo.EvergrainCommand).Assembly.Location);
        foreach (var argument in (string[])["--port", "0", "--data", _data.FullName, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
