using System.Globalization;
using Evergrain.Load.Server;

namespace Evergrain.Cluster.Processes;

/// <summary>
/// Processes that serve together on one PostgreSQL: an embedded server, or silos and what leads to them. They end with
/// this object, each by its id.
/// </summary>
internal sealed class Deployment : IAsyncDisposable
{
    private static readonly string[] DemoModel = ["--model", "demo"];
    private static int _clusters;

    private readonly ClusterOptions _options;
    private readonly Dictionary<string, string> _settings;
    private readonly IReadOnlyList<string> _models;
    private readonly List<ServerProcess> _silos = [];
    private ServerProcess? _entry;

    private Deployment(string name, ClusterOptions options, string journalUrl, IReadOnlyList<string>? models)
    {
        (Name, _options, _models) = (name, options, models ?? DemoModel);

        // In the environment, as it holds a password. Clusters of one database differ by their id, and by the name
        // under which their grains keep what they keep.
        var id = string.Create(CultureInfo.InvariantCulture,
            $"bench-{Environment.ProcessId}-{Interlocked.Increment(ref _clusters)}");
        _settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["JournalUrl"] = journalUrl,
            ["Cluster:Id"] = id,
            ["Cluster:Service"] = id,
        };
    }

    /// <summary>What it is called in tables.</summary>
    public string Name { get; }

    /// <summary>The process that clients connect to.</summary>
    public ServerProcess Entry => _entry ?? throw new InvalidOperationException("It was not started.");

    /// <summary>The silos that run, the oldest first; none where conversations live in an embedded server.</summary>
    public IReadOnlyList<ServerProcess> Silos => _silos;

    /// <summary>Where clients connect to.</summary>
    public int Port => Entry.Port;

    /// <summary>The gateway of the silo that was started last.</summary>
    public int GatewayPort { get; private set; }

    /// <summary>The embedded server, its journal in PostgreSQL.</summary>
    public static async Task<Deployment> EmbeddedAsync(ClusterOptions options, string journalUrl,
        IReadOnlyList<string>? models, CancellationToken cancellationToken)
    {
        var deployment = new Deployment("embedded", options, journalUrl, models);
        deployment._entry = await ServerProcess.StartAsync(new ServerStart(options.Server, deployment._models)
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["JournalUrl"] = journalUrl },
        }, cancellationToken);
        return deployment;
    }

    /// <summary>A silo that is its own frontend.</summary>
    public static async Task<Deployment> BothAsync(ClusterOptions options, string journalUrl,
        IReadOnlyList<string>? models, CancellationToken cancellationToken)
    {
        var deployment = new Deployment("frontend in the silo", options, journalUrl, models);
        deployment._entry = await deployment.StartAsync("both", cancellationToken);
        deployment._silos.Add(deployment._entry);
        return deployment;
    }

    /// <summary>A frontend and silos, each a process.</summary>
    public static Task<Deployment> ApartAsync(ClusterOptions options, string journalUrl, int silos,
        IReadOnlyList<string>? models, CancellationToken cancellationToken)
    {
        var name = silos == 1 ? "frontend and a silo" : $"frontend and {silos} silos";
        return new Deployment(name, options, journalUrl, models).StartApartAsync(silos, cancellationToken);
    }

    /// <summary>A frontend and a silo that talk without TLS.</summary>
    public static Task<Deployment> WithoutTlsAsync(ClusterOptions options, string journalUrl,
        CancellationToken cancellationToken)
    {
        var deployment = new Deployment("frontend and a silo without TLS", options, journalUrl, null);
        deployment._settings["Cluster:Tls"] = "false";
        return deployment.StartApartAsync(1, cancellationToken);
    }

    /// <summary>A frontend and a silo that moves at most so many bytes of conversations at a time.</summary>
    public static Task<Deployment> MovingAsync(ClusterOptions options, string journalUrl, long moveBytesMax,
        CancellationToken cancellationToken)
    {
        var deployment = new Deployment("frontend and silos", options, journalUrl, null);
        deployment._settings["Cluster:MoveBytesMax"] = moveBytesMax.ToString(CultureInfo.InvariantCulture);
        return deployment.StartApartAsync(1, cancellationToken);
    }

    /// <summary>Starts one more silo.</summary>
    public async Task<ServerProcess> AddSiloAsync(CancellationToken cancellationToken)
    {
        var silo = await StartAsync("silo", cancellationToken);
        _silos.Add(silo);
        return silo;
    }

    /// <summary>Tells a silo to stop, and waits until it has.</summary>
    public async Task StopSiloAsync(ServerProcess silo)
    {
        _silos.Remove(silo);
        await silo.StopAsync();
        await silo.DisposeAsync();
    }

    /// <summary>A metric as it stands, added up over all silos.</summary>
    public async Task<double> SilosMetricAsync(string name, CancellationToken cancellationToken)
    {
        var sum = 0.0;
        foreach (var silo in _silos)
        {
            sum += await silo.Probe.MetricAsync(name, cancellationToken);
        }

        return sum;
    }

    /// <summary>Sums of what all its processes did.</summary>
    public async Task<ServerSums> SumsAsync(CancellationToken cancellationToken)
    {
        var sums = _silos.Contains(Entry) ? default : await Entry.Probe.SumsAsync(cancellationToken);
        foreach (var silo in _silos)
        {
            sums += await silo.Probe.SumsAsync(cancellationToken);
        }

        return sums;
    }

    /// <summary>Processor time of the silos, and of what clients connect to where that is another process.</summary>
    public (TimeSpan Entry, TimeSpan Silos) ProcessorTimes()
    {
        var silos = _silos.Aggregate(TimeSpan.Zero, static (sum, silo) => sum + silo.Probe.ProcessorTime());
        return (_silos.Contains(Entry) ? TimeSpan.Zero : Entry.Probe.ProcessorTime(), silos);
    }

    public async ValueTask DisposeAsync()
    {
        // Frontends first: they would look for a silo that has gone.
        if (_entry is not null)
        {
            await _entry.DisposeAsync();
        }

        await Task.WhenAll(_silos.Where(silo => silo != _entry).Select(silo => silo.DisposeAsync().AsTask()));
    }

    private async Task<Deployment> StartApartAsync(int silos, CancellationToken cancellationToken)
    {
        try
        {
            for (var i = 0; i < silos; i++)
            {
                await AddSiloAsync(cancellationToken);
            }

            _entry = await StartAsync("frontend", cancellationToken);
            return this;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private Task<ServerProcess> StartAsync(string role, CancellationToken cancellationToken)
    {
        string[] arguments = ["--role", role, .. _models];
        if (role != "frontend")
        {
            GatewayPort = ServerProcess.FreePort();
            arguments = [.. arguments, "--silo-port", Text(ServerProcess.FreePort()),
                "--gateway-port", Text(GatewayPort)];
        }

        return ServerProcess.StartAsync(new ServerStart(_options.Silo, arguments) { Settings = _settings },
            cancellationToken);
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
