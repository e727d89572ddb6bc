using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>A loop of 40 turns whose tool prints 12 KB each time, by each way that a client has.</summary>
internal sealed class ReplayLoops
{
    private const int Rounds = 24;
    private const int WarmUpRounds = 10;
    private const int Turns = 40;
    private const int OutputBytes = 12_000;
    private const double MoreMsMax = 30;
    private const double JournaledMax = 1.1;

    private readonly LoadOptions _options;
    private readonly Way _byId;
    private readonly Way _unstored;
    private readonly Way _stored;
    private readonly Way _newToStub;
    private readonly Way _allToStub;
    private readonly List<Way> _ways;

    public ReplayLoops(LoadOptions options, ServerProcess own, ServerProcess? before, CallingUpstream model)
    {
        _options = options;
        _byId = new Way("by id, WebSocket, stored", own, () => RunById(own.Port));
        _unstored = Resent("resent, HTTP, unstored", own, store: false);
        _stored = Resent("resent, HTTP, stored", own, store: true);
        _newToStub = new Way("no gateway, new items alone", null, () => RunOver(model.Port, store: false, false));
        _allToStub = new Way("no gateway, resent", null, () => RunOver(model.Port, store: false, resends: true));
        _ways = [_byId, _unstored, _stored, _newToStub, _allToStub];
        if (before is not null)
        {
            _ways.Add(Resent("resent, HTTP, unstored, other build", before, store: false));
            _ways.Add(Resent("resent, HTTP, stored, other build", before, store: true));
        }
    }

    public async Task AskAsync(Verdicts verdicts, CancellationToken cancellationToken)
    {
        for (var round = -WarmUpRounds; round < _options.Count(Rounds); round++)
        {
            // Who goes first changes, so that none always follows the same one's garbage.
            for (var i = 0; i < _ways.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var way = _ways[(i + round + WarmUpRounds) % _ways.Count];
                await way.RunAsync(isMeasured: round >= 0, cancellationToken);
            }
        }

        var table = new Table($"loop of {Turns} turns", "ms", "from", "to", "server CPU ms", "from", "to",
            "allocated KB", "journaled KB", "reads and writes");
        _ways.ForEach(way => way.AddTo(table));
        table.Print();
        JudgeTime(verdicts, _unstored);
        JudgeTime(verdicts, _stored);
        verdicts.AtMost("journaled bytes, resent and stored ÷ by id",
            Spread.Of(_stored.Journaled).Median / Spread.Of(_byId.Journaled).Median, JournaledMax, "");
    }

    /// <summary>What a loop takes more than by id, and than the client itself needs for resending.</summary>
    private void JudgeTime(Verdicts verdicts, Way resent)
    {
        var more = Spread.Of(resent.Wall.Select((ms, round) =>
            ms - _byId.Wall[round] - (_allToStub.Wall[round] - _newToStub.Wall[round])));
        Console.WriteLine($"{resent.Name}: {more} ms more than by id and the client's own part.");
        verdicts.AtMost($"{resent.Name}: ms more, median", more.Median, MoreMsMax, " ms");
    }

    private static Way Resent(string name, ServerProcess server, bool store) =>
        new(name, server, () => RunOver(server.Port, store, resends: true));

    private static void RunById(int port)
    {
        using var wire = WireSocket.Open(port);
        var conversation = new Conversation(wire);
        conversation.Run(Create.Turn(null, [Create.Message(0)], withTools: false));
        for (var turn = 1; turn < Turns; turn++)
        {
            var output = Create.Output(conversation.CallId!, turn, OutputBytes);
            conversation.Run(Create.Turn(conversation.Last, [output], withTools: false));
        }
    }

    private static void RunOver(int port, bool store, bool resends)
    {
        using var loop = new Resending(port, store) { Resends = resends };
        loop.Add(Create.Message(0));
        loop.Run();
        for (var turn = 1; turn < Turns; turn++)
        {
            loop.Add(Create.Output(loop.CallId, turn, OutputBytes));
            loop.Run();
        }
    }

    /// <summary>One way to run the loop, and what it took each time.</summary>
    private sealed class Way(string name, ServerProcess? server, Action run)
    {
        private readonly List<double> _processor = [];
        private readonly List<double> _allocated = [];
        private readonly List<double> _calls = [];

        public string Name => name;

        public List<double> Wall { get; } = [];

        public List<double> Journaled { get; } = [];

        public async Task RunAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            var before = server is null ? default : await server.Probe.SumsAsync(cancellationToken);
            var calls = server?.Probe.SystemCalls() ?? 0;
            var begun = Stopwatch.GetTimestamp();
            run();
            var wall = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            calls = (server?.Probe.SystemCalls() ?? 0) - calls;
            var spent = (server is null ? default : await server.Probe.SumsAsync(cancellationToken)) - before;
            if (isMeasured)
            {
                Wall.Add(wall);
                _processor.Add(spent.Processor.TotalMilliseconds);
                _allocated.Add(spent.Allocated / 1e3);
                Journaled.Add(spent.Journaled / 1e3);
                _calls.Add(calls);
            }
        }

        public void AddTo(Table table)
        {
            var (wall, processor) = (Spread.Of(Wall), Spread.Of(_processor));
            table.Row(name, wall.Median, wall.Low, wall.High, processor.Median, processor.Low, processor.High,
                Spread.Of(_allocated).Median, Spread.Of(Journaled).Median, Spread.Of(_calls).Median);
        }
    }
}
