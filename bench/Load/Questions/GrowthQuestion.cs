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
    private const string WarmBytes = "evergrain_bytes_warm";
    private const string OpenSockets = "evergrain_connections_held";
    private const int WarmUps = 64;

    // SQLite: a file and its log for the writer and for each of four readers, opened when so many read at once; the
    // log's index, and the lock.
    private const int JournalOpenedMax = 12;

    // A half takes five minutes: in the last two, two sweeps long, it is looked at again and again.
    private static readonly TimeSpan BeforeRestart = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AfterRestart = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LooksTime = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StoredLookInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ReturnTime = TimeSpan.FromMinutes(5);
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
        using var journal = new GrowthJournal(options);
        var start = journal.StartOf(options, Settings);
        var server = await ServerProcess.StartAsync(start, cancellationToken);
        try
        {
            var first = await WarmUpAsync(server, journal, cancellationToken);
            var tally = new OverloadTally();
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var port = server.Port;
            var clients = Enumerable.Range(0, options.Count(Sockets))
                .Select(number => new GrowthClient(
                    number, () => Volatile.Read(ref port), tally, isIdle: number % journal.OneIn != 0)).ToArray();
            tally.Measure(isOn: true);
            var running = clients.Select(client => client.RunAsync(stopping.Token)).ToArray();
            var sizes = new List<Size>();
            for (var half = 0; half < 2; half++)
            {
                await Task.Delay(BeforeRestart / (options.IsQuick ? 2 : 1), TimeProvider.System, cancellationToken);
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(start, cancellationToken);
                Volatile.Write(ref port, server.Port);
                await Task.Delay(AfterRestart, TimeProvider.System, cancellationToken);
                sizes.Add(await Size.TakeAsync(server, journal, LooksTime, cancellationToken));
            }

            await stopping.CancelAsync();
            await Task.WhenAll(running);
            var last = await ReturnAsync(server, journal, first, cancellationToken);
            return Judge(clients.Length, journal.Pieces, [first, .. sizes, last], tally);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>
    /// Runs some clients for a while, since a process keeps a descriptor for each library that it has loaded; then
    /// waits until their conversations have left memory and expired.
    /// </summary>
    private static async Task<Size> WarmUpAsync(
        ServerProcess server, GrowthJournal journal, CancellationToken cancellationToken)
    {
        await Size.TakeAsync(server, journal, TimeSpan.Zero, cancellationToken);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stopping.CancelAfter(WarmUpTime);
        var tally = new OverloadTally();
        await Task.WhenAll(Enumerable.Range(0, WarmUps)
            .Select(number => new GrowthClient(number, () => server.Port, tally).RunAsync(stopping.Token)));
        while (await server.Probe.MetricAsync(WarmBytes, cancellationToken) > 0 ||
            await Size.CountAsync(server, cancellationToken) > 0)
        {
            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }

        return await Size.TakeAsync(server, journal, TimeSpan.Zero, cancellationToken);
    }

    /// <summary>Waits until nothing is left of the sockets and their conversations.</summary>
    private static async Task<Size> ReturnAsync(
        ServerProcess server, GrowthJournal journal, Size first, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await IsBackAsync() && Stopwatch.GetElapsedTime(begun) < ReturnTime)
        {
            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }

        return await Size.TakeAsync(server, journal, TimeSpan.Zero, cancellationToken);

        async Task<bool> IsBackAsync() =>
            await server.Probe.MetricAsync(WarmBytes, cancellationToken) <= first.Warm &&
            await server.Probe.MetricAsync(OpenSockets, cancellationToken) <= first.Sockets &&
            server.Probe.Descriptors().Count(target => !journal.Holds(target)) <= first.Opened.Count;
    }

    private static Verdicts Judge(int sockets, string pieces, Size[] sizes, OverloadTally tally)
    {
        var (first, half, end, last) = (sizes[0], sizes[1], sizes[2], sizes[3]);
        var table = new Table(
            "", "memory MB", "journal MB", pieces, "conversations", "warm MB", "sockets", "descriptors");
        first.AddTo(table, "before the sockets");
        half.AddTo(table, "at half time");
        end.AddTo(table, "at the end");
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
        verdicts.AtMost("memory, end against half time", end.Memory / half.Memory, GrowthMax, "");
        verdicts.AtMost("journal, end against half time", end.Journal.Bytes / half.Journal.Bytes, GrowthMax, "");
        verdicts.AtMost($"{pieces}, end against half time", end.Journal.Pieces / half.Journal.Pieces, GrowthMax, "");
        verdicts.AtMost("conversations, end against half time", end.Stored / half.Stored, GrowthMax, "");
        verdicts.Must($"{end.Sockets:#,0} of {sockets:#,0} sockets are open at the end",
            (int)end.Sockets == sockets);
        verdicts.AtMost("sockets afterwards", last.Sockets, first.Sockets, "");
        verdicts.AtMost("descriptors afterwards" + last.MoreThan(first), last.Opened.Count, first.Opened.Count, "");
        if (last.JournalOpened > 0)
        {
            verdicts.AtMost("descriptors of the journal's files afterwards", last.JournalOpened, JournalOpenedMax, "");
        }

        verdicts.AtMost("warm bytes afterwards", last.Warm, first.Warm, "");
        return verdicts;
    }

    /// <summary>What a server holds.</summary>
    /// <param name="Memory">Resident bytes after full collections.</param>
    /// <param name="Journal">What lies in its journal.</param>
    /// <param name="Stored">Conversations in the journal.</param>
    /// <param name="Warm">Bytes of warm conversations.</param>
    /// <param name="Sockets">Open WebSockets.</param>
    /// <param name="Opened">Open files, sockets and the like, those of the journal's files aside.</param>
    /// <param name="JournalOpened">How often the journal's files are open.</param>
    private sealed record Size(double Memory, JournalSize Journal, double Stored, double Warm, double Sockets,
        IReadOnlyList<string> Opened, int JournalOpened)
    {
        /// <summary>
        /// Takes it as the mean of the looks of a time, one at least. A sweep takes what has expired within a minute or
        /// so, a write-ahead log grows until it is written back, and what turns that run hold in memory comes and goes.
        /// </summary>
        public static async Task<Size> TakeAsync(
            ServerProcess server, GrowthJournal journal, TimeSpan time, CancellationToken cancellationToken)
        {
            var (memory, bytes, pieces, stored, looks) = (0.0, 0.0, 0.0, 0.0, 0);
            await Settled.ResidentBytesAsync(server, cancellationToken);

            // Before the looks, whose lists open connections to a journal that is reached over HTTP.
            var opened = server.Probe.Descriptors();
            var first = Stopwatch.GetTimestamp();
            do
            {
                looks++;
                var begun = Stopwatch.GetTimestamp();
                await FullCollection.RunAsync(server.Id, cancellationToken);
                memory += server.Probe.ResidentBytes();
                var size = await journal.SizeAsync(cancellationToken);
                (bytes, pieces) = (bytes + size.Bytes, pieces + size.Pieces);
                stored += await CountAsync(server, cancellationToken);
                var left = StoredLookInterval - Stopwatch.GetElapsedTime(begun);
                await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, TimeProvider.System, cancellationToken);
            }
            while (Stopwatch.GetElapsedTime(first) < time);

            return new Size(
                memory / looks,
                new JournalSize(bytes / looks, pieces / looks),
                stored / looks,
                await server.Probe.MetricAsync(WarmBytes, cancellationToken),
                await server.Probe.MetricAsync(OpenSockets, cancellationToken),
                [.. opened.Where(target => !journal.Holds(target))],
                opened.Count(journal.Holds));
        }

        /// <summary>What is open that was not; empty if there are no more than before.</summary>
        public string MoreThan(Size before)
        {
            var more = Opened.CountBy(static target => target)
                .Select(now => (now.Key, Count: now.Value - before.Opened.Count(target => target == now.Key)))
                .Where(static change => change.Count > 0).Select(static change => $"{change.Count} {change.Key}");
            return Opened.Count <= before.Opened.Count ? "" : $" (more: {string.Join(", ", more)})";
        }

        public void AddTo(Table table, string name) =>
            table.Row(name, Memory / 1e6, Journal.Bytes / 1e6, Journal.Pieces, Stored, Warm / 1e6, Sockets,
                Opened.Count + JournalOpened);

        public static async Task<int> CountAsync(ServerProcess server, CancellationToken cancellationToken)
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
