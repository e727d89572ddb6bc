using System.Diagnostics;
using System.Text;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does the server add to a short turn in front of a model server? Wall time at the client less the time that the
/// model server had the call, over each transport, stored and not.
/// </summary>
/// <remarks>
/// The model server answers at once, in pieces that arrive together: all that is left is what the server does. Each
/// turn sends one message of 2,000 bytes behind the turn before it. An unstored turn over HTTP has nothing to continue,
/// so all of those begin anew.
/// </remarks>
internal static class AddedQuestion
{
    private const int SectionTurns = 20;
    private const int Sections = 20;
    // The runtime compiles in the background for some 20 s.
    private const int WarmUpSections = 300;
    private const int Deltas = 10;

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## added: what the server adds to a short turn in front of a model server");
        Console.WriteLine();
        using var upstream = new DiscardingUpstream(Deltas);
        upstream.Start();
        await using var server = await options.StartServerAsync(
            ["--model-url", upstream.Url, "--model-api", "chat"], cancellationToken);
        var before = DiskSync.Measure(server.DataDirectory);
        Row[] rows =
        [
            new SocketRow("WebSocket", store: false, server, upstream),
            new SocketRow("WebSocket", store: true, server, upstream),
            new HttpRow("HTTP, SSE", store: false, "true", server, upstream),
            new HttpRow("HTTP, SSE", store: true, "true", server, upstream),
            new HttpRow("HTTP, JSON", store: false, "false", server, upstream),
            new HttpRow("HTTP, JSON", store: true, "false", server, upstream),
        ];
        for (var section = -WarmUpSections; section < options.Count(Sections); section++)
        {
            foreach (var row in rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                row.Run(SectionTurns, isMeasured: section >= 0);
            }
        }

        Print(rows, before, DiskSync.Measure(server.DataDirectory));
        Array.ForEach(rows, static row => row.Dispose());
        return Judge(rows);
    }

    private static void Print(Row[] rows, Samples before, Samples after)
    {
        var table = new Table("transport, turns", "turns", "added p50 ms", "p99 ms", "wall p50 ms",
            "model server p50 ms");
        foreach (var row in rows)
        {
            table.Row($"{row.Name}, {(row.Store ? "stored" : "unstored")}", row.Added.Count, row.Added.Median,
                row.Added.P99, row.Wall.Median, row.Upstream.Median);
        }

        table.Print();
        Console.WriteLine($"write and fsync of 8 KB in the data directory: p50 {before.Median:0} µs before, " +
            $"{after.Median:0} µs after. Load at the end: {Machine.Load()}.");
        Console.WriteLine();
    }

    private static Verdicts Judge(Row[] rows)
    {
        var verdicts = new Verdicts();
        foreach (var row in rows)
        {
            verdicts.AtMost($"added p50, {row.Name}, {(row.Store ? "stored" : "unstored")}", row.Added.Median,
                row.Store ? 1 : 0.5, " ms");
        }

        return verdicts;
    }

    /// <summary>One way to run turns, and what they took.</summary>
    private abstract class Row(string name, bool store, DiscardingUpstream upstream) : IDisposable
    {
        private int _turns;

        public string Name => name;

        public bool Store => store;

        public Samples Wall { get; } = new();

        public Samples Upstream { get; } = new();

        public Samples Added { get; } = new();

        /// <summary>The last response; null begins a conversation.</summary>
        protected string? Last { get; set; }

        public void Run(int turns, bool isMeasured)
        {
            Last = null;
            for (var i = 0; i < turns; i++)
            {
                var message = Client.Create.Message(_turns++);
                var create = Create(message);
                var begun = Stopwatch.GetTimestamp();
                RunOne(create);
                var wall = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;

                // The first of a conversation opens it: that is another question.
                if (isMeasured && i > 0)
                {
                    var model = upstream.LastCall.TotalMilliseconds;
                    Wall.Add(wall);
                    Upstream.Add(model);
                    Added.Add(wall - model);
                }
            }
        }

        public abstract void Dispose();

        protected abstract byte[] Create(string message);

        protected abstract void RunOne(byte[] create);
    }

    private sealed class SocketRow : Row
    {
        private readonly WireSocket _wire;
        private readonly Conversation _conversation;

        public SocketRow(string name, bool store, ServerProcess server, DiscardingUpstream upstream)
            : base(name, store, upstream)
        {
            _wire = WireSocket.Open(server.Port);
            _conversation = new Conversation(_wire);
        }

        public override void Dispose() => _wire.Dispose();

        protected override byte[] Create(string message) =>
            Client.Create.Turn(Last, [message], withTools: false, store: Store);

        protected override void RunOne(byte[] create)
        {
            _conversation.Run(create);
            Last = _conversation.Last;
        }
    }

    private sealed class HttpRow : Row
    {
        private readonly string _stream;
        private readonly WireHttp _wire;

        public HttpRow(string name, bool store, string stream, ServerProcess server, DiscardingUpstream upstream)
            : base(name, store, upstream)
        {
            _stream = stream;
            _wire = new WireHttp(server.Port);
        }

        public override void Dispose() => _wire.Dispose();

        protected override byte[] Create(string message)
        {
            var parent = Store && Last is not null ? $"\"previous_response_id\":\"{Last}\"," : "";
            return Encoding.UTF8.GetBytes($$"""
                {"model":"demo","stream":{{_stream}},{{parent}}
                "store":{{(Store ? "true" : "false")}},"input":[{{message}}]}
                """);
        }

        protected override void RunOne(byte[] create)
        {
            var body = _wire.Post(create);
            var id = body[(body.IndexOf("\"id\":\"resp_"u8) + 6)..];
            Last = Encoding.ASCII.GetString(id[..id.IndexOf((byte)'"')]);
        }
    }
}
