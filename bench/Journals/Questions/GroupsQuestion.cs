using System.Diagnostics;
using Evergrain.Journals.Stores;
using Evergrain.Journals.Turns;
using Evergrain.Load.Report;

namespace Evergrain.Journals.Questions;

/// <summary>
/// What do conversations that append at the same time gain from sharing transactions? Each appends as fast as it can;
/// the numbers of conversations take turns.
/// </summary>
internal static class GroupsQuestion
{
    private const int Rounds = 10;
    private const int Turns = 1_000;
    private const int InputBytes = 1_830;
    private const int OutputBytes = 170;
    private static readonly TimeSpan RoundTime = TimeSpan.FromSeconds(1);
    private static readonly int[] Counts = [1, 16, 256];

    public static async Task<Verdicts> AskAsync(JournalsOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## groups: what appends at the same time cost");
        Console.WriteLine();
        var turns = RecordedTurns.Make(Turns, InputBytes, OutputBytes);
        var table = new Table("journal, conversations", "appends/s", "p50 ms", "p99 ms", "appends/transaction",
            "appends/fsync", "written B/append");
        var verdicts = new Verdicts();

        // The journal in memory has no transactions.
        var durable = options with { Journals = [.. options.Journals.Except(["memory"])] };
        await StoreSet.AskEachAsync(durable, async store =>
        {
            var rows = Counts.Select(count => new CountRow(count, store, turns)).ToArray();
            for (var round = -1; round < options.Count(Rounds); round++)
            {
                foreach (var row in rows)
                {
                    await row.RunAsync(isMeasured: round >= 0, cancellationToken);
                }
            }

            foreach (var row in rows)
            {
                await row.CountSyncsAsync(cancellationToken);
                row.AddTo(table);
            }

            verdicts.Must($"{store.Name}: 256 conversations append faster than 16, and those faster than one",
                rows[2].Rate > rows[1].Rate && rows[1].Rate > rows[0].Rate);
        }, cancellationToken);
        table.Print();
        return verdicts;
    }

    /// <summary>One number of conversations, and what their appends cost.</summary>
    private sealed class CountRow(int count, Store store, RecordedTurns turns)
    {
        private readonly Samples _millis = new();
        private TimeSpan _time;
        private Sums _sums;
        private double _appendsPerSync;

        public double Rate => _millis.Count / _time.TotalSeconds;

        public async Task RunAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            var before = await store.SumsAsync(cancellationToken);
            var begun = Stopwatch.GetTimestamp();
            var all = await AppendAsync(RoundTime, cancellationToken);
            var time = Stopwatch.GetElapsedTime(begun);
            var spent = await store.SumsAsync(cancellationToken) - before;
            if (isMeasured)
            {
                Array.ForEach(all, millis => millis.ForEach(_millis.Add));
                _time += time;
                _sums += spent;
            }
        }

        /// <summary>A round of its own: what is counted late would else fall into another row's.</summary>
        public async Task CountSyncsAsync(CancellationToken cancellationToken)
        {
            var before = await store.SyncsAsync(cancellationToken);
            var all = await AppendAsync(RoundTime, cancellationToken);
            _appendsPerSync = all.Sum(millis => millis.Count) / (await store.SyncsAsync(cancellationToken) - before);
        }

        public void AddTo(Table table) => table.Row($"{store.Name}, {count}", Rate, _millis.Median, _millis.P99,
            _millis.Count / _sums.Transactions, _appendsPerSync, _sums.Written / _millis.Count);

        private async Task<List<double>[]> AppendAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
            return await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(() =>
                AppendUntilAsync(end, cancellationToken), cancellationToken)));
        }

        private async Task<List<double>> AppendUntilAsync(long end, CancellationToken cancellationToken)
        {
            var millis = new List<double>();
            var log = store.Begin(turns);
            for (var begun = Stopwatch.GetTimestamp(); begun < end; begun = Stopwatch.GetTimestamp())
            {
                log = log.IsFull ? store.Begin(turns) : log;
                await log.AppendAsync(cancellationToken);
                millis.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            return millis;
        }
    }
}
