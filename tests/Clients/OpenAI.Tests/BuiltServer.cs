using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using System.Globalization;
using OpenAI.Responses;

namespace Evergrain.Clients.Tests;

/// <summary>
/// The built server in a process of its own, on a free port, with an empty data directory that goes when it ends.
/// </summary>
public class BuiltServer : IAsyncLifetime
{
    /// <summary>The model that every test asks; it plays scripts.</summary>
    public const string Model = "demo";

    /// <summary>The one bound on every wait of a test; reaching it is a failure.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string OperatorKey = "sk-operator";

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-openai-");
    private Process? _process;
    private Task<string>? _error;

    /// <summary>The official client, which never tries twice: a test sees what the server said.</summary>
    public ResponsesClient Client { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    /// <summary>Whose histories the server recognises, as the setting says it.</summary>
    protected virtual string Recognition => "off";

    public async Task InitializeAsync()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        string[] line =
        [
            Path.Combine(AppContext.BaseDirectory, "evergrain.dll"), "--port", "0", "--data", _data.FullName,
            "--api-key", "sk-right",
        ];
        foreach (var word in line)
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["Evergrain__OperatorKeys__0"] = OperatorKey;
        start.Environment["Evergrain__Recognition"] = Recognition;
        using var patience = new CancellationTokenSource(Patience);
        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync(CancellationToken.None);
        var greeting = await _process.StandardOutput.ReadLineAsync(patience.Token);
        var address = greeting?.Split(' ').FirstOrDefault(word => word.StartsWith("http://", StringComparison.Ordinal));
        Assert.True(address is not null, $"The server did not start: {greeting}");
        Address = new Uri(address);
        Client = CreateClient("sk-right");
    }

    public ResponsesClient CreateClient(string apiKey) => new(new ApiKeyCredential(apiKey), new ResponsesClientOptions
    {
        Endpoint = new Uri(Address, "/v1"),
        RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        NetworkTimeout = Patience,
    });

    /// <summary>What a counter of the server says, its series added up; 0 before it has counted anything.</summary>
    /// <param name="name">Its name in <c>GET /metrics</c>.</param>
    public async Task<double> CountAsync(string name)
    {
        using var http = new HttpClient { BaseAddress = Address, Timeout = Patience };
        http.DefaultRequestHeaders.Add("Authorization", $"Bearer {OperatorKey}");
        var lines = (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Split('\n');
        return lines.Where(line => line.StartsWith(name + '{', StringComparison.Ordinal))
            .Sum(static line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// Ends the server. What it said on stderr fails the run, but for refusals that tests ask for: nothing should have
    /// troubled it.
    /// </summary>
    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
            Assert.DoesNotContain((await _error!).Split('\n', StringSplitOptions.RemoveEmptyEntries),
                static line => !line.Contains("Telemetry.RefusalLog", StringComparison.Ordinal));
        }

        _data.Delete(recursive: true);
    }
}

/// <summary>A server that recognises all histories.</summary>
public sealed class RecognisingServer : BuiltServer
{
    protected override string Recognition => "all";
}
