using System.Globalization;
using System.Net;
using Evergrain.Cluster.Tests.Faults;

namespace Evergrain.Cluster.Tests.Proxies;

/// <summary>nginx with the configuration that users get, before two servers on this machine.</summary>
internal sealed class NginxProcess : IEdgeProxy
{
    private readonly IReadOnlyList<int> _servers;
    private readonly string _configuration;
    private readonly ProxyProcess _process;

    private NginxProcess(IReadOnlyList<int> servers)
    {
        (_servers, Port) = (servers, FreePorts.Next());
        var folder = ProxyProcess.NewFolder("nginx");
        _configuration = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(_configuration, Configure(folder));
        _process = ProxyProcess.Start(folder, "nginx", "-c", _configuration, "-e", "stderr", "-g",
            $"daemon off; error_log stderr; pid {Path.Combine(folder, "pid")};");
    }

    public int Port { get; }

    /// <summary>Starts it; both servers must be ready.</summary>
    public static async Task<IEdgeProxy> StartAsync(IReadOnlyList<int> servers, CancellationToken cancellationToken)
    {
        var proxy = new NginxProcess(servers);
        try
        {
            using var http = new HttpClient();
            var ready = new Uri($"http://127.0.0.1:{proxy.Port}/health/ready");
            await proxy._process.UntilAsync(() => IsThereAsync(http, ready, cancellationToken), cancellationToken);
            return proxy;
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    public async Task TakeFirstOutAsync(CancellationToken cancellationToken)
    {
        var first = string.Create(CultureInfo.InvariantCulture, $"server 127.0.0.1:{_servers[0]} max_fails=0;");
        var text = await File.ReadAllTextAsync(_configuration, cancellationToken);
        await File.WriteAllTextAsync(_configuration, Texts.Replace(text, first, first[..^1] + " down;"),
            cancellationToken);
        await ReloadAsync(cancellationToken);
    }

    public async Task ReloadAsync(CancellationToken cancellationToken)
    {
        var old = await _process.ReloadAsync("HUP", cancellationToken);
        await _process.UntilAsync(() => Task.FromResult(old.All(IsLeaving)), cancellationToken);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task<bool> IsThereAsync(HttpClient http, Uri address, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(address, cancellationToken);

            // Servers without keys refuse whatever comes through a proxy, and are there all the same.
            return answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Forbidden;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    // A worker that takes no new connections says so in its title; a zombie has none.
    private static bool IsLeaving(string worker)
    {
        try
        {
            var title = File.ReadAllText($"/proc/{worker}/cmdline");
            return title.Length == 0 || title.Contains("shutting down", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    private string Configure(string folder)
    {
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "deploy", "nginx.conf"));
        text = Texts.Replace(text, "listen 8000;", $"listen 127.0.0.1:{Port};");
        text = Texts.Replace(text, "/var/log/nginx/", folder + "/");
        text = Texts.Replace(text, "server 127.0.0.1:8081 ", $"server 127.0.0.1:{_servers[0]} ");
        return Texts.Replace(text, "server 127.0.0.1:8082 ", $"server 127.0.0.1:{_servers[1]} ");
    }
}

/// <summary>Changes the places of a configuration that belong to one machine, and no others.</summary>
internal static class Texts
{
    /// <summary>Replaces a text that stands there once.</summary>
    public static string Replace(string text, string old, string other)
    {
        Assert.Equal(2, text.Split(old).Length);
        return text.Replace(old, other, StringComparison.Ordinal);
    }
}
