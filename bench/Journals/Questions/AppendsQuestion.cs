using System.Diagnostics;
using Evergrain.Journals.Stores;
using Evergrain.Journals.Turns;
using Evergrain.Load.Report;

namespace Evergrain.Journals.Questions;

/// <summary>
/// Does an append cost the same however many items its conversation holds? One append at a time, the two of a turn of
/// 2,000 bytes in turn; the sizes take turns in sections, so that noise meets all alike.
/// </summary>
internal static class AppendsQuestion
{
    private const int SectionTurns = 20;
    private const int Sections = 100;
    private const int WarmUpSections = 5;

    // A tool's result and a short call; together 2,000 bytes.
    private const int InputBytes = 1_830;
    private const int OutputBytes = 170;

    // A conversation is done when it has a fifth more items than its size.
    private const double GrowthMax = 1.2;
    private static readonly int[] Sizes = [10, 1_000, 10_000];

    public static async Task<Verdicts> AskAsync(JournalsOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## appends: what an append costs by the length of its conversation");
        Console.WriteLine();
        var turns = RecordedTurns.Make(
            (int)(Sizes[^1] * GrowthMax / RecordedTurns.TurnItems) + SectionTurns, InputBytes, OutputBytes);
        var table = new Table("journal, items of history", "appends", "p50 µs", "p99 µs", "own B/append",
            "written B/append", "disk B/append");
        var verdicts = new Verdicts();
        var notes = new List<string>();
        await StoreSet.AskEachAsync(options, async store =>
        {
            var rows = Sizes.Select(size => new SizeRow(size, store, turns)).ToArray();
            for (var section = -WarmUpSections; section < options.Count(Sections); section++)
            {
                foreach (var row in rows)
                {
                    await row.RunSectionAsync(isMeasured: section >= 0, cancellationToken);
                }
            }

            Add(table, store, rows);
            Judge(verdicts, store, rows);
            notes.Add($"{store.Name}: written are {store.WrittenMeans}.");
            if (store is PostgresStore postgres)
            {
                notes.Add(await postgres.DescribeAsync(cancellationToken));
            }
        }, cancellationToken);
        table.Print();
        notes.ForEach(Console.WriteLine);
        Console.WriteLine();
        return verdicts;
    }

    private static void Add(Table table, Store store, SizeRow[] rows)
    {
        var first = rows[0];
        foreach (var row in rows)
        {
            table.Row($"{store.Name}, {row.Size:#,0}", row.Micros.Count, row.Micros.Median, row.Micros.P99,
                row.OwnBytes, row.Written, row.Disk);
        }

        var last = rows[^1];
        table.Row($"{store.Name}, {last.Size:#,0} ÷ {first.Size}", double.NaN,
            last.Micros.Median / first.Micros.Median, last.Micros.P99 / first.Micros.P99,
            last.OwnBytes / first.OwnBytes, last.Written / first.Written, last.Disk / first.Disk);
    }

    private static void Judge(Verdicts verdicts, Store store, SizeRow[] rows)
    {
        var (shortest, longest) = (rows[0], rows[^1]);
        verdicts.AtMost($"{store.Name}: p50 at 10,000 items ÷ at 10", longest.Micros.Median / shortest.Micros.Median,
            1.2, "");
        verdicts.AtMost($"{store.Name}: p99 at 10,000 items ÷ at 10", longest.Micros.P99 / shortest.Micros.P99,
            1.2, "");
        verdicts.AtMost($"{store.Name}: written at 10,000 items ÷ at 10", longest.Written / shortest.Written, 1.2, "");
    }

    /// <summary>The conversations of one size, and what their appends cost.</summary>
    private sealed class SizeRow(int size, Store store, RecordedTurns turns)
    {
        private readonly double[] _section = new double[SectionTurns * RecordedTurns.TurnAppends];
        private List<Log> _logs = [];
        private Sums _sums;
        private long _ownBytes;

        public int Size { get; } = size;

        public Samples Micros { get; } = new();

        public double OwnBytes => (double)_ownBytes / Micros.Count;

        public double Written => _sums.Written / Micros.Count;

        public double Disk => _sums.Disk / Micros.Count;

        // Within a fifth of its size a conversation takes so many turns.
        private int TurnsEach => Math.Clamp((int)(Size * (GrowthMax - 1)) / RecordedTurns.TurnItems, 1, SectionTurns);

        public async Task RunSectionAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            await PrepareAsync(cancellationToken);
            var before = await store.SumsAsync(cancellationToken);
            var (count, bytes) = (0, 0L);
            foreach (var log in _logs)
            {
                for (var i = 0; i < TurnsEach * RecordedTurns.TurnAppends; i++)
                {
                    log.Warm();
                    var begun = Stopwatch.GetTimestamp();
                    bytes += await log.AppendAsync(cancellationToken);
                    _section[count++] = Stopwatch.GetElapsedTime(begun).TotalMicroseconds;
                }
            }

            var spent = await store.SumsAsync(cancellationToken) - before;
            if (isMeasured)
            {
                Array.ForEach(_section, Micros.Add);
                _sums += spent;
                _ownBytes += bytes;
            }
        }

        private async Task PrepareAsync(CancellationToken cancellationToken)
        {
            if (_logs.Count == 0 || _logs[0].Items >= Size * GrowthMax)
            {
                _logs = [.. Enumerable.Range(0, SectionTurns / TurnsEach).Select(_ => store.Begin(turns))];
                await Task.WhenAll(_logs.Select(log => log.GrowAsync(Size, cancellationToken)));
            }
        }
    }
}
