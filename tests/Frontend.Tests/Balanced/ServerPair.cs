using System.Globalization;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Balanced;

/// <summary>Two servers that share one PostgreSQL, each in its own process and on a port that it keeps.</summary>
internal sealed class ServerPair : IAsyncDisposable
{
    private readonly ServerSettings[] _settings;
    private readonly ServerProcess[] _servers = new ServerProcess[2];
    private readonly HttpClient[] _http = new HttpClient[2];

    private ServerPair(string url)
    {
        Ports = [FreePorts.Next(), FreePorts.Next()];
        _settings = [.. Ports.Select(port => ServerSettings.OnPostgres(url, port))];
    }

    /// <summary>The balancer's names for them.</summary>
    public static IReadOnlyList<string> Names { get; } = ["one", "two"];

    public IReadOnlyList<int> Ports { get; }

    /// <summary>Asks each of them, past any balancer.</summary>
    public IReadOnlyList<HttpClient> Http => _http;

    public ServerProcess this[int server] => _servers[server];

    public static async Task<ServerPair> StartAsync(PostgresServer postgres, CancellationToken cancellationToken)
    {
        var pair = new ServerPair(postgres.Url(await postgres.CreateDatabaseAsync()));
        try
        {
            await Task.WhenAll(pair.StartAsync(0, cancellationToken), pair.StartAsync(1, cancellationToken));
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one of them, on its port.</summary>
    public async Task StartAsync(int server, CancellationToken cancellationToken)
    {
        _servers[server] = await ServerProcess.StartAsync(_settings[server], cancellationToken);
        _http[server] ??= _servers[server].CreateHttpClient();
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync(int server)
    {
        await _servers[server].KillAsync();
        await _servers[server].DisposeAsync();
    }

    /// <summary>Ends both as they should end, with nothing said on stderr.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var server in _servers)
        {
            await server.TerminateAsync(cancellationToken);
            Assert.Equal((0, ""), await server.ExitAsync(cancellationToken));
        }
    }

    /// <summary>What a counter says at one of them.</summary>
    public async Task<long> CountAsync(int server, string counter, CancellationToken cancellationToken)
    {
        var text = await _http[server].GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellationToken);
        return text.Split('\n').Select(line => line.Split(' ')).Where(sample => sample[0] == counter)
            .Sum(sample => long.Parse(sample[1], CultureInfo.InvariantCulture));
    }

    /// <summary>How often, beyond the first time of each, a conversation was read from the journal, at both.</summary>
    public async Task<long> CountColdAsync(int conversations, CancellationToken cancellationToken)
    {
        var reads = 0L;
        foreach (var counter in (string[])["evergrain_conversations_activated", "evergrain_conversations_refreshed"])
        {
            reads += await CountAsync(0, counter, cancellationToken) + await CountAsync(1, counter, cancellationToken);
        }

        return reads - conversations;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var http in _http)
        {
            http?.Dispose();
        }

        foreach (var server in _servers.OfType<ServerProcess>())
        {
            await server.DisposeAsync();
        }
    }
}
