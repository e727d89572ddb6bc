using Evergrain.Journals.Stores;
using Evergrain.Journals.Turns;
using Evergrain.Load.Report;

namespace Evergrain.Journals.Questions;

/// <summary>
/// How long does it take to bring a conversation back: to read its journal and apply every record, as an activation
/// does, until it can be continued? Items of 2,000 bytes; the appends of all conversations lie mixed, as they came.
/// </summary>
internal static class RecoveryQuestion
{
    private const int Rounds = 40;
    private const int ItemBytes = 2_000;
    private static readonly (int Items, int Conversations)[] Sizes = [(100, 20), (1_000, 20), (10_000, 4)];

    public static async Task<Verdicts> AskAsync(JournalsOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## recovery: what it takes to bring a conversation back");
        Console.WriteLine();
        var turns = RecordedTurns.Make(Sizes[^1].Items / RecordedTurns.TurnItems, ItemBytes, ItemBytes);
        var table = new Table("journal, items", "times", "p50 ms", "slowest ms", "of it reading ms", "recovering ms",
            "first try ms", "next turn's start ms", "allocated MB");
        var verdicts = new Verdicts();
        var notes = new List<string>();
        await StoreSet.AskEachAsync(options, async store =>
        {
            var rows = Sizes.Select(size => new SizeRow(size.Items, size.Conversations, store, turns)).ToArray();
            await Task.WhenAll(rows.Select(row => row.FillAsync(cancellationToken)));
            for (var round = -1; round < options.Count(Rounds); round++)
            {
                foreach (var row in rows)
                {
                    await row.RunAsync(round, cancellationToken);
                }
            }

            Array.ForEach(rows, row => row.AddTo(table));
            if (store is SqliteStore sqlite)
            {
                verdicts.AtMost("SQLite: 1,000 items back, p50", rows[1].TotalMs.Median, 20, " ms");
                notes.AddRange(await FirstRecovery.MeasureAsync(
                    sqlite, rows[1].Keys, Sizes[1].Items, cancellationToken));
            }
        }, cancellationToken);
        table.Print();
        notes.ForEach(Console.WriteLine);
        Console.WriteLine();
        return verdicts;
    }

    /// <summary>The conversations of one size, and what it took to bring them back.</summary>
    private sealed class SizeRow(int items, int conversations, Store store, RecordedTurns turns)
    {
        private readonly List<Log> _logs = [.. Enumerable.Range(0, conversations).Select(_ => store.Begin(turns))];
        private readonly Samples _readMs = new();
        private readonly Samples _recoverMs = new();
        private readonly Samples _startMs = new();
        private readonly Samples _allocated = new();
        private double _firstMs;

        public Samples TotalMs { get; } = new();

        public IEnumerable<Conversations.Ids.ConversationKey> Keys => _logs.Select(log => log.Key);

        public Task FillAsync(CancellationToken cancellationToken) =>
            Task.WhenAll(_logs.Select(log => log.GrowAsync(items, cancellationToken)));

        public async Task RunAsync(int round, CancellationToken cancellationToken)
        {
            // What the last one left behind is not for this one to clean up.
            GC.Collect();
            var key = _logs[(round + 1) % _logs.Count].Key;
            var back = await Recovery.RunAsync(store.Journal, key, items, cancellationToken);
            if (round < 0)
            {
                _firstMs = back.TotalMs;
                return;
            }

            TotalMs.Add(back.TotalMs);
            _readMs.Add(back.TotalMs - back.RecoverMs);
            _recoverMs.Add(back.RecoverMs);
            _startMs.Add(back.StartMs);
            _allocated.Add(back.Allocated);
        }

        public void AddTo(Table table) => table.Row($"{store.Name}, {items:#,0}", TotalMs.Count, TotalMs.Median,
            TotalMs.Max, _readMs.Median, _recoverMs.Median, _firstMs, _startMs.Median, _allocated.Median / 1e6);
    }
}
