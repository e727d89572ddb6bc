using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does a turn in front of a chat-completions server cost by the length of its conversation, and what of that is
/// copying the context into the request?
/// </summary>
/// <remarks>
/// The whole context goes to a stateless model server with each call: 20 MB at 10,000 items of 2,000 bytes. The copy is
/// two things: filling the buffer, which the server times itself, and posting as many bytes from one array, which a
/// process does that does nothing else. What is left is the turn.
/// </remarks>
internal static class UpstreamQuestion
{
    private const int SectionTurns = 8;
    private const int Sections = 40;
    // The runtime compiles in the background for some 20 s, which would count most where turns are longest.
    private const int WarmUpSections = 250;
    private const int ControlPosts = 100;
    private static readonly int[] Sizes = [10, 100, 1_000, 10_000];

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## upstream: what a turn through 'chat' costs by the length of its conversation");
        Console.WriteLine();
        using var upstream = new DiscardingUpstream(deltas: 10);
        upstream.Start();
        await using var server = await options.StartServerAsync(
            ["--model-url", upstream.Url, "--model-api", "chat"], cancellationToken);
        var rows = Sizes.Select(size => new SizeRow(size, server, upstream)).ToArray();
        for (var section = -WarmUpSections; section < options.Count(Sections); section++)
        {
            foreach (var row in rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await row.RunSectionAsync(isMeasured: section >= 0, cancellationToken);
            }
        }

        foreach (var row in rows)
        {
            row.PostMs = await PostControl.MeasureAsync(
                upstream.Url, (long)row.CopiedBytes, options.Count(ControlPosts), cancellationToken);
        }

        Print(rows);
        return Judge(rows);
    }

    private static void Print(SizeRow[] rows)
    {
        var table = new Table("items of history", "turns", "wall p50 ms", "added p50 ms", "CPU ms/turn",
            "posting ms", "filling ms", "CPU less both ms", "copied KB/turn", "GB/s", "allocated KB/turn");
        foreach (var row in rows)
        {
            table.Row($"{row.Size:#,0}", row.Costs.Turns, row.Costs.Wall.Median, row.Added.Median,
                row.Costs.ProcessorMs, row.PostMs, row.FillMs, row.WorkMs, row.CopiedBytes / 1e3, row.CopyRate,
                row.Costs.Allocated / 1e3);
        }

        table.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
    }

    private static Verdicts Judge(SizeRow[] rows)
    {
        var verdicts = new Verdicts();
        var (shortest, longest) = (rows[0], rows[^1]);
        verdicts.AtMost("CPU less both at 10,000 items ÷ at 10", longest.WorkMs / shortest.WorkMs, 1.2, "");
        verdicts.AtMost(
            "allocation at 10,000 items ÷ at 10", longest.Costs.Allocated / shortest.Costs.Allocated, 1.2, "");
        verdicts.Must($"posting and filling at 10,000 items: {longest.CopyRate:0.00} GB/s, target at least 1 GB/s",
            longest.CopyRate >= 1);
        return verdicts;
    }

    /// <summary>One conversation of one size, forked again and again at its end, so that it keeps the size.</summary>
    private sealed class SizeRow
    {
        private readonly ServerProcess _server;
        private readonly DiscardingUpstream _upstream;
        private readonly Conversation _conversation;
        private readonly string _parent;
        private double _copied;
        private double _copySeconds;

        public SizeRow(int size, ServerProcess server, DiscardingUpstream upstream)
        {
            (Size, _server, _upstream) = (size, server, upstream);
            _conversation = new Conversation(WireSocket.Open(server.Port));
            _parent = _conversation.Grow(size - 1, withTools: false);
        }

        public int Size { get; }

        public TurnCosts Costs { get; } = new();

        public Samples Added { get; } = new();

        /// <summary>Processor milliseconds of posting as many bytes and nothing else.</summary>
        public double PostMs { get; set; }

        public double FillMs => _copySeconds * 1e3 / Costs.Turns;

        public double WorkMs => Costs.ProcessorMs - FillMs - PostMs;

        public double CopiedBytes => _copied / Costs.Turns;

        public double CopyRate => CopiedBytes / (PostMs + FillMs) / 1e6;

        public async Task RunSectionAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            var (bytes, seconds) = await CopiedAsync(cancellationToken);
            var before = await _server.Probe.SumsAsync(cancellationToken);
            for (var i = 0; i < SectionTurns; i++)
            {
                var create = Create.Turn(_parent, [Create.Message(i)], withTools: false);
                var begun = Stopwatch.GetTimestamp();
                _conversation.Run(create);
                var wall = Stopwatch.GetElapsedTime(begun);
                if (isMeasured)
                {
                    Costs.Add(wall, Create.ItemBytes + _conversation.OutputBytes);
                    Added.Add((wall - _upstream.LastCall).TotalMilliseconds);
                }
            }

            var spent = await _server.Probe.SumsAsync(cancellationToken) - before;
            var after = await CopiedAsync(cancellationToken);
            if (isMeasured)
            {
                Costs.Add(SectionTurns, spent);
                (_copied, _copySeconds) = (_copied + after.Bytes - bytes, _copySeconds + after.Seconds - seconds);
            }
        }

        private async Task<(double Bytes, double Seconds)> CopiedAsync(CancellationToken cancellationToken) => (
            await _server.Probe.MetricAsync("evergrain_body_copied", cancellationToken),
            await _server.Probe.MetricAsync("evergrain_body_copied_time", cancellationToken));
    }
}
