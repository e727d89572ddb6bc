using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// Does a server that lives on keep its size? Ten minutes with 2,000 sockets whose conversations grow, leave memory
/// and expire, and with two restarts. What it holds at the end is compared with half time, which is as long after a
/// restart.
/// </summary>
internal static class GrowthQuestion
{
    private const int Sockets = 2_000;
    private const double GrowthMax = 1.05;
    private const int PageMax = 100;
    private const int FileLooks = 15;
    private const string WarmBytes = "evergrain_bytes_warm";
    private const string OpenSockets = "evergrain_connections_held";
    private const int WarmUps = 64;
    private const int WarmUpTurns = 3;

    // Twice the shortest lifetime has passed by half time.
    private static readonly TimeSpan Time = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ReturnTime = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["Tenants:*:ResponseLifetime"] = "00:01:00",
        ["WarmTime"] = "00:00:10",
    };

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## growth: ten minutes with growth, expiry, passivation, restarts and 2,000 sockets");
        Console.WriteLine();
        var data = Path.Combine(options.Data, $"load-data-{Environment.ProcessId}-growth");
        try
        {
            return await AskAsync(options, new ServerStart(options.Server, ["--data", data, "--model", "demo"])
            {
                Data = data,
                KeepsData = true,
                Settings = Settings,
            }, cancellationToken);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static async Task<Verdicts> AskAsync(
        LoadOptions options, ServerStart start, CancellationToken cancellationToken)
    {
        var part = Time / 4 * (options.IsQuick ? 0.5 : 1);
        var server = await ServerProcess.StartAsync(start, cancellationToken);
        try
        {
            var first = await WarmUpAsync(server, cancellationToken);
            var tally = new OverloadTally();
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var port = server.Port;
            var clients = Enumerable.Range(0, options.Count(Sockets))
                .Select(number => new GrowthClient(number, () => Volatile.Read(ref port), tally)).ToArray();
            tally.Measure(isOn: true);
            var running = clients.Select(client => client.RunAsync(stopping.Token)).ToArray();
            var sizes = new List<Size>();
            for (var half = 0; half < 2; half++)
            {
                await Task.Delay(part, TimeProvider.System, cancellationToken);
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(start, cancellationToken);
                Volatile.Write(ref port, server.Port);
                await Task.Delay(part, TimeProvider.System, cancellationToken);
                sizes.Add(await Size.TakeAsync(server, cancellationToken));
            }

            await stopping.CancelAsync();
            await Task.WhenAll(running);
            var last = await ReturnAsync(server, first, cancellationToken);
            return Judge(clients.Length, first, sizes, last, tally);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>
    /// Runs some conversations, since a process keeps a descriptor for each library that it has loaded; then waits
    /// until they have left memory.
    /// </summary>
    private static async Task<Size> WarmUpAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        await Size.TakeAsync(server, cancellationToken);
        await Talk.RunAsync(server.Port, WarmUps, WarmUpTurns, cancellationToken);
        while (await server.Probe.MetricAsync(WarmBytes, cancellationToken) > 0)
        {
            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }

        return await Size.TakeAsync(server, cancellationToken);
    }

    /// <summary>Waits until nothing is left of the sockets and their conversations.</summary>
    private static async Task<Size> ReturnAsync(
        ServerProcess server, Size first, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await IsBackAsync() && Stopwatch.GetElapsedTime(begun) < ReturnTime)
        {
            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }

        return await Size.TakeAsync(server, cancellationToken);

        async Task<bool> IsBackAsync() =>
            await server.Probe.MetricAsync(WarmBytes, cancellationToken) <= first.Warm &&
            await server.Probe.MetricAsync(OpenSockets, cancellationToken) <= first.Sockets &&
            server.Probe.Descriptors() <= first.Descriptors;
    }

    private static Verdicts Judge(int sockets, Size first, List<Size> sizes, Size last, OverloadTally tally)
    {
        var table = new Table("", "memory MB", "files MB", "conversations", "warm MB", "sockets", "descriptors");
        first.AddTo(table, "before the sockets");
        sizes[0].AddTo(table, "at half time");
        sizes[1].AddTo(table, "at the end");
        last.AddTo(table, "after the sockets");
        table.Print();
        Console.WriteLine($"{tally.Turns.Count:#,0} turns, p50 {tally.Turns.Median:0.0} ms, " +
            $"p99 {tally.Turns.P99:0.0} ms. Load at the end: {Machine.Load()}.");
        foreach (var (error, count) in tally.Errors)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count:#,0} times: {error}"));
        }

        Console.WriteLine();
        var verdicts = new Verdicts();
        verdicts.AtMost("memory, end against half time", sizes[1].Memory / sizes[0].Memory, GrowthMax, "");
        verdicts.AtMost("files, end against half time", sizes[1].Files / sizes[0].Files, GrowthMax, "");
        verdicts.AtMost("conversations, end against half time", sizes[1].Stored / sizes[0].Stored, GrowthMax, "");
        verdicts.Must($"{sizes[1].Sockets:#,0} of {sockets:#,0} sockets are open at the end",
            (int)sizes[1].Sockets == sockets);
        verdicts.AtMost("sockets afterwards", last.Sockets, first.Sockets, "");
        verdicts.AtMost("descriptors afterwards", last.Descriptors, first.Descriptors, "");
        verdicts.AtMost("warm bytes afterwards", last.Warm, first.Warm, "");
        return verdicts;
    }

    /// <summary>What a server holds.</summary>
    /// <param name="Memory">Resident bytes after full collections.</param>
    /// <param name="Files">Bytes of its data directory.</param>
    /// <param name="Stored">Conversations in the journal.</param>
    /// <param name="Warm">Bytes of warm conversations.</param>
    /// <param name="Sockets">Open WebSockets.</param>
    /// <param name="Descriptors">Open files, sockets and the like.</param>
    private sealed record Size(
        double Memory, double Files, double Stored, double Warm, double Sockets, double Descriptors)
    {
        public static async Task<Size> TakeAsync(ServerProcess server, CancellationToken cancellationToken) => new(
            await Settled.ResidentBytesAsync(server, cancellationToken),
            await FileBytesAsync(server.DataDirectory, cancellationToken),
            await CountAsync(server, cancellationToken),
            await server.Probe.MetricAsync(WarmBytes, cancellationToken),
            await server.Probe.MetricAsync(OpenSockets, cancellationToken),
            server.Probe.Descriptors());

        public void AddTo(Table table, string name) =>
            table.Row(name, Memory / 1e6, Files / 1e6, Stored, Warm / 1e6, Sockets, Descriptors);

        /// <summary>The median of some looks: the write-ahead log grows until it is written back.</summary>
        private static async Task<double> FileBytesAsync(string directory, CancellationToken cancellationToken)
        {
            var looks = new Samples();
            for (var look = 0; look < FileLooks; look++)
            {
                looks.Add(new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories)
                    .Sum(static file => file.Length));
                await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
            }

            return looks.Median;
        }

        private static async Task<int> CountAsync(ServerProcess server, CancellationToken cancellationToken)
        {
            var (count, after) = (0, "");
            while (true)
            {
                using var page = JsonDocument.Parse(await server.Probe.GetAsync(
                    $"/evergrain/conversations?limit={PageMax}{after}", cancellationToken));
                count += page.RootElement.GetProperty("data").GetArrayLength();
                if (!page.RootElement.GetProperty("has_more").GetBoolean())
                {
                    return count;
                }

                after = "&after=" + page.RootElement.GetProperty("next").GetString();
            }
        }
    }
}
