using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Reflection;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>
/// A cluster as a site runs one: silos and two frontends, each a process, one store for journal and membership, and
/// HAProxy before the frontends. Whatever happens, every process ends with it.
/// </summary>
internal sealed class ClusterProcesses : IAsyncDisposable
{
    private static readonly string[] FrontendNames = ["one", "two"];

    private readonly (PostgresServer Server, string Database)? _postgres;
    private readonly Dictionary<string, string> _journal;
    private readonly IPAddress _address;
    private readonly List<Node> _silos = [];
    private readonly List<Node> _frontends = [];
    private readonly List<ClusterProcess> _dead = [];
    private readonly ProcessBuild _build;
    private HaproxyProcess? _balancer;

    private ClusterProcesses((PostgresServer Server, string Database)? postgres, Dictionary<string, string> journal,
        IPAddress address, ProcessBuild build) =>
        (_postgres, _journal, _address, _build) = (postgres, journal, address, build);

    /// <summary>Where clients connect.</summary>
    public Uri Socket => new($"ws://127.0.0.1:{Balancer.Port}/v1/responses");

    public HaproxyProcess Balancer => _balancer!;

    /// <summary>Where frontends listen.</summary>
    public IReadOnlyList<int> FrontendPorts => [.. _frontends.Select(static node => node.Port)];

    /// <summary>Where silos listen for each other and for frontends.</summary>
    public IReadOnlyList<int> ClusterPorts => [.. _silos.SelectMany(static node => node.ClusterPorts)];

    public IReadOnlyList<ClusterProcess> Silos => ProcessesOf(_silos);

    public IReadOnlyList<ClusterProcess> Frontends => ProcessesOf(_frontends);

    /// <summary>What every process said, for a test that failed.</summary>
    public string Story => string.Join('\n',
        _dead.Concat(Silos).Concat(Frontends).Select(static process => process.Story));

    /// <summary>The program that this repository's build made, or another that the environment names.</summary>
    public static string Program { get; } =
        Environment.GetEnvironmentVariable("EVERGRAIN_SILO") is { Length: > 0 } other ? other : BuiltProgram();

    private (PostgresServer Server, string Database) Postgres => _postgres!.Value;

    /// <summary>Starts one over PostgreSQL.</summary>
    /// <param name="postgres">Gives it a database.</param>
    /// <param name="silos">How many.</param>
    /// <param name="address">Where silos listen for each other and for frontends.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="build">What all processes are until they are replaced; null: this build.</param>
    public static async Task<ClusterProcesses> StartAsync(PostgresServer postgres, int silos, IPAddress address,
        CancellationToken cancellationToken, ProcessBuild? build = null)
    {
        var database = await postgres.CreateDatabaseAsync();
        return await StartAsync(new ClusterProcesses((postgres, database), JournalAt(postgres.Url(database)), address,
            build ?? ProcessBuild.This), silos, cancellationToken);
    }

    /// <summary>Starts one over Azure Storage.</summary>
    public static Task<ClusterProcesses> StartAsync(
        AzuriteServer azurite, int silos, CancellationToken cancellationToken) => StartAsync(
        new ClusterProcesses(postgres: null, JournalAt(azurite), IPAddress.Loopback, ProcessBuild.This), silos,
        cancellationToken);

    /// <summary>The settings of a journal in a container that is not there yet.</summary>
    public static Dictionary<string, string> JournalAt(AzuriteServer azurite) => new(StringComparer.Ordinal)
    {
        ["Evergrain__Journal"] = "azure",
        ["Evergrain__JournalUrl"] = azurite.ConnectionString,
        ["Evergrain__Azure__Container"] = azurite.NewContainer(),
    };

    private static Dictionary<string, string> JournalAt(string url) =>
        new(StringComparer.Ordinal) { ["Evergrain__JournalUrl"] = url };

    private static async Task<ClusterProcesses> StartAsync(
        ClusterProcesses cluster, int silos, CancellationToken cancellationToken)
    {
        try
        {
            // The first one makes the schema, which the others then find.
            await cluster.AddSiloAsync(cancellationToken);
            await Task.WhenAll(
                [.. Enumerable.Range(1, silos - 1).Select(_ => cluster.AddSiloAsync(cancellationToken)),
                .. FrontendNames.Select(name => cluster.AddFrontendAsync(name, cancellationToken))]);
            cluster._balancer = await HaproxyProcess.StartAsync(
                [.. cluster._frontends.Select(static node => node.Port)], cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>One silo more, perhaps with another way to PostgreSQL.</summary>
    public Task AddSiloAsync(CancellationToken cancellationToken, int? port = null) =>
        AddSiloAsync(port is null ? _journal : JournalAt(Postgres.Server.Url(Postgres.Database, port)), _address, [],
            cancellationToken);

    /// <summary>One silo more, in a network of its own; a proxy there is its way to PostgreSQL.</summary>
    public Task AddSiloAsync(CutNetwork network, CuttingProxy proxy, CancellationToken cancellationToken)
    {
        var url = Postgres.Server.Url(Postgres.Database, proxy.Port)
            .Replace("127.0.0.1", $"{network.Service}", StringComparison.Ordinal);
        return AddSiloAsync(JournalAt(url), network.There, network.Within(), cancellationToken);
    }

    /// <summary>Starts a silo that ended, on ports of its own: to the others it is a new one.</summary>
    public async Task RestartSiloAsync(int silo, CancellationToken cancellationToken, ProcessBuild? build = null)
    {
        var node = _silos[silo];
        _dead.Add(node.Process!);
        node.Build = build ?? node.Build;
        await node.StartAsync(cancellationToken);
    }

    /// <summary>Starts a frontend that ended, on its port, and waits until clients are sent to it.</summary>
    public async Task RestartFrontendAsync(int frontend, CancellationToken cancellationToken,
        ProcessBuild? build = null)
    {
        var node = _frontends[frontend];
        _dead.Add(node.Process!);
        node.Build = build ?? node.Build;
        await node.StartAsync(cancellationToken);
        await Balancer.UntilUpAsync(FrontendNames[frontend], cancellationToken);
    }

    /// <summary>The newest format in which records may be written.</summary>
    public async Task<int> FormatAsync() =>
        (int)(await Postgres.Server.ExecuteAsync(Postgres.Database, "SELECT format FROM evergrain.schema_version"))!;

    /// <summary>What the instruments of silos say, added up.</summary>
    public async Task<double> CountAsync(string instrument, CancellationToken cancellationToken, int except = -1)
    {
        var all = await Task.WhenAll(_silos.Where((node, index) => index != except && !node.Process!.HasExited)
            .Select(node => node.Process!.ReadMetricsAsync(cancellationToken)));
        return all.Sum(metrics => metrics[instrument]);
    }

    /// <summary>The silo that holds the most conversations.</summary>
    public async Task<int> FullestAsync(CancellationToken cancellationToken)
    {
        var held = await Task.WhenAll(Silos.Select(silo => silo.ReadMetricsAsync(cancellationToken)));
        return held.Index().MaxBy(static silo => silo.Item["evergrain.conversations.warm"]).Index;
    }

    public async ValueTask DisposeAsync()
    {
        if (_balancer is not null)
        {
            await _balancer.DisposeAsync();
        }

        foreach (var process in _silos.Concat(_frontends).Select(static node => node.Process).Concat(_dead))
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }
    }

    private Task AddSiloAsync(Dictionary<string, string> journal, IPAddress address, string[] within,
        CancellationToken cancellationToken)
    {
        var (port, gateway) = (FreePorts.Next(), FreePorts.Next());
        var node = new Node("silo " + (_silos.Count + 1).ToString(CultureInfo.InvariantCulture), journal, within,
            ["--role", "silo", "--silo-address", $"{address}", "--silo-port", Text(port),
            "--gateway-port", Text(gateway)])
        {
            Build = _build,
            ClusterPorts = [port, gateway],
        };
        _silos.Add(node);
        return node.StartAsync(cancellationToken);
    }

    private Task AddFrontendAsync(string name, CancellationToken cancellationToken)
    {
        var node = new Node($"frontend {name}", _journal, [], ["--role", "frontend"])
        {
            Build = _build,
            IsBehindAProxy = true,
        };
        _frontends.Add(node);
        return node.StartAsync(cancellationToken);
    }

    private static string BuiltProgram() => typeof(ClusterProcesses).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static value => value.Key == "SiloProgram").Value!;

    private static IReadOnlyList<ClusterProcess> ProcessesOf(List<Node> nodes) =>
        [.. nodes.Select(static node => node.Process).OfType<ClusterProcess>()];

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    /// <summary>A place in the cluster, which one process after the other takes.</summary>
    private sealed class Node(string name, Dictionary<string, string> journal, string[] within, string[] options)
    {
        public int Port { get; } = FreePorts.Next();

        public IReadOnlyList<int> ClusterPorts { get; init; } = [];

        public required ProcessBuild Build { get; set; }

        public bool IsBehindAProxy { get; init; }

        public ClusterProcess? Process { get; private set; }

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            string[] command = [.. within, .. Build.Within, "dotnet", Build.Program, "--port", Text(Port), .. options];
            var start = new ProcessStartInfo(command[0], command[1..]);

            // Not as an option: everyone on the machine reads those.
            foreach (var (setting, value) in journal)
            {
                start.Environment[setting] = value;
            }

            start.Environment["Evergrain__JournalFormat"] = Build.Format;

            // As in deploy/: a turn keeps its process until it ends.
            start.Environment["Evergrain__DrainTimeout"] = "00:15:00";
            if (IsBehindAProxy)
            {
                ClusterProcess.SetKeys(start, isEarlier: Build.Program != ProcessBuild.This.Program);
                foreach (var (setting, value) in Build.FrontendSettings)
                {
                    start.Environment[setting] = value;
                }
            }

            if (Build.MustGoWithoutTls)
            {
                start.Environment["Evergrain__Cluster__Tls"] = "false";
            }

            Process = await ClusterProcess.StartAsync(name, start, cancellationToken);
        }
    }
}

/// <summary>What a process is started from.</summary>
/// <param name="Program">The assembly.</param>
/// <param name="Format">The newest format that it may write; empty: the newest that it knows.</param>
internal sealed record ProcessBuild(string Program, string Format = "")
{
    /// <summary>This build.</summary>
    public static ProcessBuild This { get; } = new(ClusterProcesses.Program);

    /// <summary>The command that starts it in bounds of its own; empty: there is none.</summary>
    public IReadOnlyList<string> Within { get; init; } = [];

    /// <summary>What frontends have beside their keys, as variables of the environment.</summary>
    public IReadOnlyDictionary<string, string> FrontendSettings { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether it knows TLS and is mixed with an earlier build that does not.</summary>
    public bool MustGoWithoutTls =>
        EarlierSiloFactAttribute.Program is { } earlier && File.Exists(earlier) && !HasTls(earlier) && HasTls(Program);

    /// <summary>This build, which agrees on no newer format than the first: to the others an older build.</summary>
    public static ProcessBuild HeldBack { get; } = This with { Format = "1" };

    private static bool HasTls(string program) =>
        File.Exists(Path.Combine(Path.GetDirectoryName(program)!, "Orleans.Connections.Security.dll"));
}
